//! Which headers pass, one rule at a time.

use super::*;
use crate::live::ProcessSelector;

fn provider(number: u8) -> ProviderSettings {
    ProviderSettings { provider: Guid([number; 16]), ..ProviderSettings::default() }
}

fn filter(providers: Vec<ProviderSettings>) -> HeaderFilter {
    let settings = SessionSettings { providers, ..SessionSettings::default() };
    HeaderFilter::new(&settings, ProcessFilter::default())
}

fn header(number: u8, id: u16, level: u8, keyword: u64) -> RawHeader {
    RawHeader { provider: Guid([number; 16]), id, level, keyword, ..RawHeader::default() }
}

#[test]
fn providers_are_told_apart_however_many_there_are() {
    for count in [1, 2, 3, 17, 200] {
        let filter = filter((0..count).map(provider).collect());
        for number in 0..=u8::MAX {
            let expected = (number >= count).then_some(Filtered::Provider);
            assert_eq!(filter.refuses(&header(number, 1, 0, 0)), expected, "{number} of {count}");
        }
    }
    assert_eq!(filter(Vec::new()).refuses(&header(1, 1, 0, 0)), None, "none was asked for");
}

#[test]
fn ids_that_are_named_pass_and_manifests_always() {
    let ids = vec![1, 15, 63, 64, 3_008];
    let filter = filter(vec![ProviderSettings { ids: ids.clone(), ..provider(1) }, provider(2)]);
    for id in 0..=u16::MAX {
        let expected = (!ids.contains(&id) && id != MANIFEST_ID).then_some(Filtered::Id);
        assert_eq!(filter.refuses(&header(1, id, 0, 0)), expected, "{id}");
        assert_eq!(filter.refuses(&header(2, id, 0, 0)), None, "{id}");
    }
}

#[test]
fn masks_and_levels_are_those_of_windows() {
    let settings = ProviderSettings { any: 0x30, all: 0x20, level: 4, ..provider(1) };
    let filter = filter(vec![settings, ProviderSettings { all: 2, ..provider(2) }]);
    for (number, level, keyword, expected) in [
        (1, 4, 0x20, None),
        (1, 4, 0x30, None),
        (1, 4, 0x10, Some(Filtered::Keyword)),
        (1, 4, 0x40, Some(Filtered::Keyword)),
        (1, 4, 0, None),
        (1, 0, 0x20, None),
        (1, 5, 0x20, Some(Filtered::Level)),
        (2, 255, 3, None),
        (2, 255, 1, Some(Filtered::Keyword)),
    ] {
        let refused = filter.refuses(&header(number, 1, level, keyword));
        assert_eq!(refused, expected, "{number} {level} {keyword:#x}");
    }
}

#[test]
fn classes_of_the_kernel_pass_and_processes_are_asked_of_them_too() {
    let not_processes = vec![ProcessSelector::Id(8)];
    let settings = SessionSettings { not_processes, ..SessionSettings::default() };
    let filter = HeaderFilter::new(&settings, ProcessFilter::new(&settings, None));
    for form in [RawForm::Kernel, RawForm::Classic, RawForm::Message] {
        let of = |process_id| RawHeader { form, process_id, ..header(9, 0, 5, 1) };
        assert_eq!(filter.refuses(&of(Some(4))), None);
        assert_eq!(filter.refuses(&of(None)), None);
        assert_eq!(filter.refuses(&of(Some(8))), Some(Filtered::Process));
    }
}
