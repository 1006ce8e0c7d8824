//! Whatever schema and payload meet: the walk ends, and what was encoded comes back.

use etwatch_event::Value;
use proptest::prelude::*;

use super::Fit;
use super::tests::{Shown, typed, utf16, walked};
use crate::schema::{Amount, Field, FieldKind, InType, OutType, Schema};

fn any_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        4 => Just(Amount::Implied),
        1 => (0_u16..40).prop_map(Amount::Fixed),
        2 => (0_u16..8).prop_map(Amount::Field),
        1 => Just(Amount::Prefixed),
        1 => Just(Amount::Rest),
    ]
}

fn any_field() -> impl Strategy<Value = Field> {
    let out = (0_u16..40).prop_map(OutType);
    let value = (prop::sample::select(InType::ALL), out);
    let value = value.prop_map(|(kind, out)| FieldKind::Value(kind, out, None));
    let structure = (0_u16..9, 0_u16..4);
    let structure = structure.prop_map(|(first, members)| FieldKind::Structure { first, members });
    let kind = prop_oneof![4 => value, 1 => structure];
    (kind, any_amount(), any_amount(), any::<bool>()).prop_map(|(kind, count, length, optional)| {
        Field { name: "F".into(), kind, count, length, optional }
    })
}

/// A value of some type: its field, its bytes, what is shown of it.
fn encoded() -> impl Strategy<Value = (Field, Vec<u8>, String)> {
    let text = "[^\0]{0,9}";
    let number = (any::<u64>(), 0..4_usize).prop_map(|(number, width)| {
        let kinds = [InType::UInt8, InType::UInt16, InType::UInt32, InType::UInt64];
        let bytes = &number.to_le_bytes()[..1 << width];
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        let shown = format!("{:?}", Value::Unsigned(u64::from_le_bytes(whole)));
        (typed("N", kinds[width], OutType::NONE), bytes.to_vec(), shown)
    });
    let unicode = text.prop_map(|text| {
        let bytes = [utf16(&text), vec![0, 0]].concat();
        (typed("T", InType::UnicodeString, OutType::NONE), bytes, format!("Text({text:?})"))
    });
    let counted = text.prop_map(|text| {
        let bytes = utf16(&text);
        let count = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        let bytes = [&count[..], &bytes].concat();
        (typed("C", InType::CountedString, OutType::NONE), bytes, format!("Text({text:?})"))
    });
    let utf8 = text.prop_map(|text| {
        let bytes = [text.as_bytes(), &[0]].concat();
        (typed("U", InType::AnsiString, OutType::UTF8), bytes, format!("Text({text:?})"))
    });
    let sid = prop::collection::vec(any::<u8>(), 0..15).prop_map(|parts| {
        let head = [1, u8::try_from(parts.len()).unwrap(), 0, 0, 0, 0, 0, 5];
        let tail = parts.iter().flat_map(|part| [*part, 0, 0, 1]);
        let bytes: Vec<u8> = head.into_iter().chain(tail).collect();
        let shown = format!("Sid(Sid({bytes:?}))");
        (typed("S", InType::Sid, OutType::NONE), bytes, shown)
    });
    prop_oneof![3 => number, 2 => unicode, 1 => counted, 1 => utf8, 1 => sid]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_payload_by_any_schema_ends(
        fields in prop::collection::vec(any_field(), 0..8),
        top in 0..9_usize,
        payload in prop::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()], 0..80),
        pointer_size: u8,
    ) {
        let schema = Schema { top, fields, ..Schema::default() };
        let (fit, values) = walked(&schema, &payload, pointer_size);
        prop_assert!(values.len() <= 17 * (payload.len() + schema.fields.len()));
        match fit {
            Ok(Fit::Exact) => {}
            Ok(Fit::Trailing(left)) => prop_assert!(left > 0 && left <= payload.len()),
            Err(misfit) => {
                prop_assert!(misfit.offset <= payload.len());
                prop_assert!(misfit.field < schema.fields.len());
            }
        }
    }

    #[test]
    fn values_come_back_from_their_bytes(
        parts in prop::collection::vec(encoded(), 1..9),
        behind in 0..5_usize,
    ) {
        let schema = Schema::of_fields(parts.iter().map(|(field, ..)| field.clone()).collect());
        let mut payload: Vec<u8> = parts.iter().flat_map(|(_, bytes, _)| bytes.clone()).collect();
        let whole = payload.len();
        payload.resize(whole + behind, 0xee);
        let fit = if behind == 0 { Fit::Exact } else { Fit::Trailing(behind) };
        let shown: Shown = parts.iter().map(|(.., shown)| shown.clone()).enumerate().collect();
        prop_assert_eq!(walked(&schema, &payload, 8), (Ok(fit), shown.clone()));
        // Cut short, what was read before the cut is the same.
        for cut in 0..whole {
            let (fit, before) = walked(&schema, &payload[..cut], 8);
            let same = before.iter().zip(&shown).filter(|(one, other)| one == other).count();
            prop_assert!(same + 1 >= before.len());
            prop_assert!(!matches!(fit, Ok(Fit::Trailing(_))));
        }
    }
}
