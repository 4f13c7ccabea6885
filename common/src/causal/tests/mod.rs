//! Laws of the data model.
