//! The source keeps its own rules.
