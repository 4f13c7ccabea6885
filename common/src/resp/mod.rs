//! RESP2 and RESP3: requests from bytes, replies to bytes.
