//! Tests of the readers: the fixtures bit for bit, and what a hostile or broken file may hold.

mod fixtures;
mod flips;
mod headers;
mod legacy;
mod make;
mod other_files;
mod pickles;
mod tensors;
mod zips;
