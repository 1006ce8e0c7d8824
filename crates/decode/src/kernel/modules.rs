//! Which module an address of code lies in, by what the kernel has said of images.
//!
//! An image is mapped into one process; those of the kernel are seen from all. An address belongs to the
//! image of its process that holds it, else to that of the kernel, and is told by the image's file and how
//! far behind its beginning it lies, which is the same on every host that has this file:
//!
//! ```text
//! process 672   0x7ff8_1000_0000 ├── ntdll.dll ──┤      0x7ff8_1000_1234 ─▶ ntdll.dll+0x1234
//! kernel   0xffff_f800_0000_0000 ├── ntoskrnl.exe ──┤   0x4000_0000      ─▶ 0x40000000
//! ```
//!
//! Images do not overlap: what is loaded last takes the place of what was there. A process that starts has no
//! image yet, whatever an earlier one with its number had.
//!
//! Memory is bounded, whatever a recording claims. If there are too many images, those of the processes to
//! which nothing was mapped for the longest time are forgotten; a process with too many loses its own.
//! What was forgotten is counted, and its addresses are told as numbers.

use std::collections::BTreeMap;
use std::fmt;

use super::{ImageEvent, ImageOperation, KernelEvent, ProcessEvent, ProcessOperation};

/// Images that are known at a time, about 100 bytes each.
const MOST_IMAGES: usize = 65_536;
/// Images of one process.
const MOST_OF_PROCESS: usize = 8_192;
/// Bytes of a file's name that are kept; Windows has no longer ones.
const NAME_BYTES: usize = 765;
/// Where the kernel begins, with 32 bits and with 64.
const KERNEL_32: u64 = 1 << 31;
const KERNEL_64: u64 = 1 << 63;

/// The images of all processes, as of the event taken last.
#[derive(Debug, Default)]
pub struct Modules {
    kernel: Images,
    processes: BTreeMap<u32, Images>,
    /// Images of all processes, without the kernel's.
    count: usize,
    /// Images that were taken, the time by which processes are told apart.
    taken: u64,
    forgotten: u64,
}

/// The images of a process, by where they begin; no two overlap.
#[derive(Debug, Default)]
struct Images {
    by_base: BTreeMap<u64, Image>,
    /// When the last one was mapped.
    mapped: u64,
}

#[derive(Debug)]
struct Image {
    /// The last byte.
    last: u64,
    name: Box<str>,
}

/// Where an address of code lies. Shown as `ntdll.dll+0x1234`, without a known module as `0x7ff810001234`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'m> {
    /// The address.
    pub address: u64,
    /// The file of the image that holds it, and the bytes from its beginning to the address.
    pub module: Option<(&'m str, u64)>,
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module {
            Some((name, offset)) => write!(f, "{name}+{offset:#x}"),
            None => write!(f, "{:#x}", self.address),
        }
    }
}

impl Modules {
    /// Takes note of what an event says of images; most say nothing.
    pub fn take(&mut self, event: &KernelEvent<'_>) {
        match event {
            KernelEvent::Image(image) => self.image(image),
            KernelEvent::Process(ProcessEvent {
                operation: ProcessOperation::Start,
                process_id,
                ..
            }) => {
                self.forget_process(*process_id);
            }
            _ => {}
        }
    }

    /// Where an address lies that a thread of this process was at.
    #[must_use]
    pub fn frame(&self, process_id: u32, address: u64) -> Frame<'_> {
        let images = self.processes.get(&process_id);
        let module = images.and_then(|images| images.module(address));
        Frame { address, module: module.or_else(|| self.kernel.module(address)) }
    }

    /// How many images are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count + self.kernel.by_base.len()
    }
    /// Whether no image is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// How many images were forgotten for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn image(&mut self, event: &ImageEvent<'_>) {
        let (base, process_id) = (event.image_base, event.process_id.unwrap_or_default());
        let is_low = base >= KERNEL_32 && base >> 32 == 0;
        let is_kernel = base >= KERNEL_64 || (is_low && matches!(process_id, 0 | 4));
        if event.operation == ImageOperation::Unload {
            self.unload(process_id, base, is_kernel);
            return;
        }
        // Without a size no address is known to lie in it; without a name nothing could be told.
        let size = event.image_size.unwrap_or_default();
        let (Some(span), Some(path)) = (size.checked_sub(1), event.file_name) else { return };
        let image = Image { last: base.saturating_add(span), name: file_of(path).into() };
        if image.name.is_empty() {
            return;
        }
        self.taken += 1;
        let images = if is_kernel {
            &mut self.kernel
        } else {
            self.processes.entry(process_id).or_default()
        };
        let before = images.by_base.len();
        images.mapped = self.taken;
        if before >= MOST_OF_PROCESS {
            images.by_base.clear();
            self.forgotten += len(before);
        }
        images.map(base, image);
        let now = images.by_base.len();
        if !is_kernel {
            self.count = (self.count + now).saturating_sub(before);
            self.make_room();
        }
    }

    fn unload(&mut self, process_id: u32, base: u64, is_kernel: bool) {
        if is_kernel {
            self.kernel.by_base.remove(&base);
            return;
        }
        let Some(images) = self.processes.get_mut(&process_id) else { return };
        if images.by_base.remove(&base).is_some() {
            self.count -= 1;
        }
        if images.by_base.is_empty() {
            self.processes.remove(&process_id);
        }
    }

    fn forget_process(&mut self, process_id: u32) -> usize {
        let images = self.processes.remove(&process_id).unwrap_or_default().by_base.len();
        self.count -= images;
        images
    }

    /// With too many images, forgets a quarter at once, so that it is seldom done.
    fn make_room(&mut self) {
        if self.count <= MOST_IMAGES {
            return;
        }
        let mut oldest: Vec<(u64, u32)> =
            self.processes.iter().map(|(process, images)| (images.mapped, *process)).collect();
        oldest.sort_unstable();
        for (_, process) in oldest {
            if self.count <= MOST_IMAGES / 4 * 3 {
                break;
            }
            self.forgotten += len(self.forget_process(process));
        }
    }
}

impl Images {
    /// Maps an image, in place of all that it overlaps.
    fn map(&mut self, base: u64, image: Image) {
        let last = image.last;
        while let Some((at, below)) = self.by_base.range(..=last).next_back()
            && below.last >= base
        {
            let at = *at;
            self.by_base.remove(&at);
        }
        self.by_base.insert(base, image);
    }

    fn module(&self, address: u64) -> Option<(&str, u64)> {
        let (base, image) = self.by_base.range(..=address).next_back()?;
        (address <= image.last).then_some((&*image.name, address - base))
    }
}

/// The last part of an NT path, as much of it as is kept.
fn file_of(path: &str) -> &str {
    let file = path.rsplit(['\\', '/']).next().unwrap_or_default();
    file.get(..file.floor_char_boundary(NAME_BYTES)).unwrap_or_default()
}

fn len(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
