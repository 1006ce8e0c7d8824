//! What must hold of the module `modules`, by examples.

use super::*;

const USER: u64 = 0x7ff8_1000_0000;
const KERNEL: u64 = 0xffff_f800_0000_0000;

fn image(operation: ImageOperation, process: u32, base: u64, file: &str) -> KernelEvent<'_> {
    KernelEvent::Image(ImageEvent {
        operation,
        process_id: Some(process),
        image_base: base,
        image_size: Some(0x1000),
        file_name: Some(file),
        ..ImageEvent::default()
    })
}

fn load(modules: &mut Modules, process: u32, base: u64, file: &str) {
    modules.take(&image(ImageOperation::Load, process, base, file));
}

fn told(modules: &Modules, process: u32, address: u64) -> String {
    modules.frame(process, address).to_string()
}

#[test]
fn an_address_is_told_by_the_image_of_its_process_or_of_the_kernel() {
    let mut modules = Modules::default();
    load(&mut modules, 672, USER, r"\Device\HarddiskVolume2\Windows\System32\ntdll.dll");
    load(&mut modules, 4, KERNEL, r"\SystemRoot\system32\ntoskrnl.exe");
    load(&mut modules, 0, 0x8060_0000, r"\WINDOWS\system32\hal.dll");
    load(&mut modules, 4, USER + 0x10_0000, r"\Windows\System32\of-system.dll");
    for (process, address, expected) in [
        (672, USER, "ntdll.dll+0x0"),
        (672, USER + 0xfff, "ntdll.dll+0xfff"),
        (672, USER + 0x1000, "0x7ff810001000"),
        (672, USER - 1, "0x7ff80fffffff"),
        (673, USER, "0x7ff810000000"),
        (672, KERNEL + 0x12, "ntoskrnl.exe+0x12"),
        (4, KERNEL + 0x12, "ntoskrnl.exe+0x12"),
        (673, 0x8060_0001, "hal.dll+0x1"),
        // A user address of the System process is no address of the kernel.
        (4, USER + 0x10_0000, "of-system.dll+0x0"),
        (672, USER + 0x10_0000, "0x7ff810100000"),
        (672, 0, "0x0"),
        (672, u64::MAX, "0xffffffffffffffff"),
    ] {
        assert_eq!(told(&modules, process, address), expected);
    }
}

#[test]
fn what_is_loaded_last_takes_the_place_of_what_was_there() {
    let mut modules = Modules::default();
    for (at, file) in [(0, "a.dll"), (0x1000, "b.dll"), (0x2000, "c.dll")] {
        load(&mut modules, 7, USER + at, file);
    }
    // Overlaps the end of the first and the beginning of the second.
    load(&mut modules, 7, USER + 0x800, "d.dll");
    assert_eq!(told(&modules, 7, USER), "0x7ff810000000");
    assert_eq!(told(&modules, 7, USER + 0x900), "d.dll+0x100");
    assert_eq!(told(&modules, 7, USER + 0x1900), "0x7ff810001900");
    assert_eq!(told(&modules, 7, USER + 0x2000), "c.dll+0x0");
    assert_eq!((modules.len(), modules.forgotten()), (2, 0));
}

#[test]
fn unloaded_images_and_those_of_an_earlier_process_are_gone() {
    let mut modules = Modules::default();
    load(&mut modules, 7, USER, "a.dll");
    load(&mut modules, 7, USER + 0x1000, "b.dll");
    load(&mut modules, 4, KERNEL, "driver.sys");
    modules.take(&image(ImageOperation::Unload, 7, USER, "a.dll"));
    modules.take(&image(ImageOperation::Unload, 4, KERNEL, "driver.sys"));
    modules.take(&image(ImageOperation::Unload, 8, USER + 0x1000, "b.dll"));
    assert_eq!(told(&modules, 7, USER), "0x7ff810000000");
    assert_eq!(told(&modules, 7, KERNEL), "0xfffff80000000000");
    assert_eq!(told(&modules, 7, USER + 0x1000), "b.dll+0x0");
    let operation = ProcessOperation::Start;
    let start = ProcessEvent { operation, process_id: 7, ..ProcessEvent::default() };
    modules.take(&KernelEvent::Process(start));
    assert!(modules.is_empty());
    // Ends leave the images: stacks of the last events come behind it.
    load(&mut modules, 7, USER, "a.dll");
    let operation = ProcessOperation::End;
    modules.take(&KernelEvent::Process(ProcessEvent { operation, ..start }));
    assert_eq!(told(&modules, 7, USER), "a.dll+0x0");
}

#[test]
fn an_image_without_size_or_name_holds_nothing() {
    let mut modules = Modules::default();
    let unsaid = ImageEvent { image_base: USER, image_size: Some(9), ..ImageEvent::default() };
    let empty = ImageEvent { image_size: Some(0), file_name: Some("a"), ..unsaid };
    let nameless = ImageEvent { file_name: Some(r"\a\"), ..unsaid };
    for image in [unsaid, empty, nameless] {
        modules.take(&KernelEvent::Image(image));
    }
    assert!(modules.is_empty());
    // One that claims to reach beyond the last address ends with it.
    let endless = ImageEvent {
        image_base: u64::MAX - 1,
        image_size: Some(u64::MAX),
        file_name: Some("z.sys"),
        ..unsaid
    };
    modules.take(&KernelEvent::Image(endless));
    assert_eq!(told(&modules, 1, u64::MAX), "z.sys+0x1");
}

#[test]
fn images_beyond_the_limit_are_forgotten_by_age_and_counted() {
    let mut modules = Modules::default();
    load(&mut modules, 4, KERNEL, "ntoskrnl.exe");
    let processes = u32::try_from(MOST_IMAGES).unwrap();
    for process in 0..processes {
        load(&mut modules, process + 8, USER, "a.dll");
    }
    assert_eq!((modules.len(), modules.forgotten()), (MOST_IMAGES + 1, 0));
    load(&mut modules, 8, USER + 0x1000, "b.dll");
    assert_eq!(modules.len(), MOST_IMAGES / 4 * 3 + 1);
    assert_eq!(modules.forgotten(), len(MOST_IMAGES / 4 + 1));
    // The first process was the last to which an image was mapped.
    assert_eq!(told(&modules, 8, USER), "a.dll+0x0");
    assert_eq!(told(&modules, 9, USER), "0x7ff810000000");
    assert_eq!(told(&modules, 9, KERNEL), "ntoskrnl.exe+0x0");
}

#[test]
fn a_process_with_too_many_images_loses_its_own_alone() {
    let mut modules = Modules::default();
    load(&mut modules, 8, USER, "kept.dll");
    for number in 0..=len(MOST_OF_PROCESS) {
        load(&mut modules, 7, USER + number * 0x1000, "a.dll");
    }
    assert_eq!((modules.len(), modules.forgotten()), (2, len(MOST_OF_PROCESS)));
    assert_eq!(told(&modules, 8, USER), "kept.dll+0x0");
}

#[test]
fn only_as_much_of_a_path_is_kept_as_a_file_has() {
    assert_eq!(file_of(r"\Device\HarddiskVolume2\a b.dll"), "a b.dll");
    assert_eq!(file_of("ntdll.dll"), "ntdll.dll");
    assert_eq!(file_of(r"\folder\"), "");
    assert_eq!(file_of(&"ä".repeat(NAME_BYTES)).len(), NAME_BYTES - 1);
}
