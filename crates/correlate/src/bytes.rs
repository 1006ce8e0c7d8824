//! What memory costs beyond the bytes that are asked for.
//!
//! An allocator keeps the size of a block before it and gives blocks whose size is a multiple of sixteen: glibc's
//! and Windows' both take eight to sixteen bytes more than asked for. Small blocks are what groups are made of, so
//! a limit that left this out would hold half of what it says.

/// Bytes of a block of memory of which so many were asked for.
pub(crate) const fn of_block(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes.saturating_add(8).next_multiple_of(16) }
}

/// Bytes of a text, or a list, that is shared: there are two counts before it.
pub(crate) const fn of_shared(bytes: usize) -> usize {
    of_block(bytes.saturating_add(2 * size_of::<usize>()))
}
