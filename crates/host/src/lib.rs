//! Safe functions over Win32: processes, tokens, paths, files, signatures, pipes, services.
//!
//! Everything that asks the operating system something goes through this crate, so that `unsafe`
//! has one home and the other crates run unchanged where there is no Windows. It is empty until
//! the engine looks things up on a live host: replay asks the host nothing.
#![warn(missing_docs)]
