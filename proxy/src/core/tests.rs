//! Tests come with the harness.
