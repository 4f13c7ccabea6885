//! Any bytes, cut in any way, decode to the same requests and the same error as in one piece.
//!
//! From the top of the repository, with the seeds as a start:
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir tests/fuzz resp_request \
//!     tests/fuzz/corpus/resp_request tests/fuzz/seeds/resp_request -- -max_total_time=180
//! ```

#![no_main]

use kinring_common::resp::{Batch, Decoder, Limits, ProtocolError};
use libfuzzer_sys::fuzz_target;

/// The input's head: limits and how many requests at a time, and the two sizes of the pieces that
/// take turns.
const HEAD_BYTES: usize = 3;

fuzz_target!(|data: &[u8]| {
    let Some((&[choice, odd, even], input)) = data.split_first_chunk::<HEAD_BYTES>() else {
        return;
    };
    let limits = limits(choice);
    let whole = decode(input, [input.len().max(1); 2], &limits, usize::MAX);
    let pieces = [usize::from(odd) + 1, usize::from(even) + 1];
    let requests_max = usize::from(choice >> 4) + 1;
    assert_eq!(decode(input, pieces, &limits, requests_max), whole);
});

fn limits(choice: u8) -> Limits {
    let authenticated = choice & 1 == 0;
    if choice & 2 == 0 {
        return Limits { authenticated, ..Limits::default() };
    }
    Limits {
        bulk_bytes_max: 30,
        args_max: 12,
        inline_bytes_max: 40,
        total_bytes_max: 120,
        authenticated,
    }
}

type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>, usize);

fn decode(input: &[u8], pieces: [usize; 2], limits: &Limits, requests_max: usize) -> Outcome {
    let mut decoder = Decoder::new();
    let mut batch = Batch::new();
    let mut requests = Vec::new();
    let (mut start, mut end) = (0, 0);
    for piece in pieces.into_iter().cycle() {
        end = input.len().min(end + piece);
        loop {
            let buf = &input[start..end];
            let outcome = decoder.decode(buf, limits, &mut batch, requests_max);
            requests.extend(batch.iter().map(|r| r.args(buf).map(<[u8]>::to_vec).collect()));
            match outcome {
                Ok(consumed) => start += consumed,
                Err(error) => return (requests, Some(error), 0),
            }
            if batch.is_empty() {
                break;
            }
        }
        if end == input.len() {
            break;
        }
    }
    (requests, None, start)
}
