//! What each Redis command means.
