//! The images that are mapped into a process, by address.
//!
//! Images of a process do not overlap: what is mapped last takes the place of all that it touches. They lie
//! in one sorted list, so an address is found by bisection, and both their first and last bytes rise along
//! it. An image takes 16 bytes; its path is shared with all processes that have it.

use super::texts::{TextId, Texts};

/// An image in a process: what [`super::Process::module_at`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'t> {
    /// Path of the file.
    pub path: &'t str,
    /// Address of the first byte.
    pub base: u64,
    /// Bytes of address space; an image has less than 4 GiB.
    pub size: u32,
}

#[derive(Clone, Copy, Debug)]
struct Image {
    base: u64,
    size: u32,
    path: TextId,
}

impl Image {
    fn last(&self) -> u64 {
        self.base.saturating_add(u64::from(self.size.saturating_sub(1)))
    }
}

const _: () = assert!(size_of::<Image>() == 16);

/// The images of one process.
#[derive(Debug, Default)]
pub(super) struct Modules {
    images: Vec<Image>,
}

impl Modules {
    /// Maps an image in place of all that it overlaps. `path` counts as used by it.
    pub(super) fn map(&mut self, base: u64, size: u32, path: TextId, texts: &mut Texts) {
        let image = Image { base, size, path };
        let first = self.images.partition_point(|other| other.last() < base);
        let end = self.images.partition_point(|other| other.base <= image.last()).max(first);
        for gone in self.images.get(first..end).unwrap_or_default() {
            texts.release(gone.path);
        }
        self.images.splice(first..end, [image]);
        self.give_back();
    }
    /// Keeps no more memory than about four times what is needed: a process that maps and unmaps much keeps little.
    fn give_back(&mut self) {
        let len = self.images.len();
        if self.images.capacity() > 4 * len + 16 {
            self.images.shrink_to(2 * len);
        }
    }
    /// Unmaps the image that begins at `base`; whether there was one.
    pub(super) fn unmap(&mut self, base: u64, texts: &mut Texts) -> bool {
        let Ok(place) = self.images.binary_search_by_key(&base, |image| image.base) else {
            return false;
        };
        texts.release(self.images.remove(place).path);
        self.give_back();
        true
    }
    /// Forgets all images; how many there were.
    pub(super) fn clear(&mut self, texts: &mut Texts) -> usize {
        let images = std::mem::take(&mut self.images);
        images.iter().for_each(|image| texts.release(image.path));
        images.len()
    }
    /// The image that holds `address`.
    pub(super) fn at<'t>(&self, address: u64, texts: &'t Texts) -> Option<Module<'t>> {
        let after = self.images.partition_point(|image| image.base <= address);
        let image = self.images.get(after.checked_sub(1)?)?;
        (address <= image.last()).then(|| Module {
            path: texts.get(image.path),
            base: image.base,
            size: image.size,
        })
    }
    /// Address, size and path of each, by address.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32, TextId)> {
        self.images.iter().map(|image| (image.base, image.size, image.path))
    }
    pub(super) fn len(&self) -> usize {
        self.images.len()
    }
    pub(super) fn heap_bytes(&self) -> usize {
        self.images.capacity() * size_of::<Image>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_last_takes_the_place_of_all_that_it_overlaps() {
        let mut texts = Texts::default();
        let mut modules = Modules::default();
        for (base, size, path) in [(100, 10, "a"), (120, 10, "b"), (140, 10, "c"), (160, 10, "d")] {
            let path = texts.keep(path);
            modules.map(base, size, path, &mut texts);
        }
        let path = texts.keep("new");
        modules.map(125, 20, path, &mut texts);
        let found = |address| modules.at(address, &texts).map(|module| module.path);
        let table = [
            (99, None),
            (100, Some("a")),
            (109, Some("a")),
            (110, None),
            (120, None),
            (125, Some("new")),
        ];
        for (address, path) in
            table.into_iter().chain([(144, Some("new")), (145, None), (169, Some("d"))])
        {
            assert_eq!(found(address), path, "{address}");
        }
        assert_eq!((modules.len(), texts.len()), (3, 3));
        assert!(modules.unmap(160, &mut texts) && !modules.unmap(160, &mut texts));
        assert_eq!((modules.clear(&mut texts), texts.len()), (2, 0));
    }

    #[test]
    fn an_image_at_the_end_of_all_addresses_is_found() {
        let mut texts = Texts::default();
        let mut modules = Modules::default();
        let path = texts.keep("last");
        modules.map(u64::MAX - 5, u32::MAX, path, &mut texts);
        assert!(
            modules.at(u64::MAX, &texts).is_some() && modules.at(u64::MAX - 6, &texts).is_none()
        );
    }
}
