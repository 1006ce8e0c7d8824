//! Shared input of the benchmarks.
