//! The text of records as the recording has it, kept beside the records that were decoded from it.
//!
//! | recording | text of a record |
//! |---|---|
//! | JSON | its own bytes, white space between its members included |
//! | event in XML | the JSON document of which its fields are read, as for an event log |
//! | event log | the JSON document that the decoder makes of its binary XML, as `evtx_dump` writes it; the binary form itself has no text |
//! | ETW | one object of JSON: the header, the extended items and the payload in hex ([`RecordTexts::push_raw`]) |
//!
//! All are objects of JSON. Nothing is kept unless it is asked for
//! ([`crate::Decoder::keeping_texts`]).

use std::fmt::Write as _;

use etwatch_event::{RawForm, RawRecord};

/// The texts of the records of a piece, in the order of the records.
#[derive(Debug, Default)]
pub struct RecordTexts {
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl RecordTexts {
    /// The text of the record at `index` of its [`etwatch_event::RecordBatch`].
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// Forgets them, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
    /// Adds the text of the next record; bytes that are no UTF-8 become U+FFFD.
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.text.push_str(&String::from_utf8_lossy(text));
        self.ends.push(self.text.len());
    }
    /// Adds the text of the next record, a record of ETW: what its header says by the names of
    /// [`etwatch_event::RawHeader`], its extended items and its payload, bytes in hex.
    pub fn push_raw(&mut self, record: &RawRecord<'_>) {
        // Writing to a text can't fail.
        let _ = write_raw(&mut self.text, record);
        self.ends.push(self.text.len());
    }
}

fn write_raw(out: &mut String, record: &RawRecord<'_>) -> std::fmt::Result {
    let header = &record.header;
    let form = match header.form {
        RawForm::Event => "event",
        RawForm::Classic => "classic",
        RawForm::Kernel => "kernel",
        RawForm::Message => "message",
    };
    write!(out, r#"{{"form":"{form}","time":"{}","number":{}"#, header.time, header.number)?;
    write!(out, r#","provider":"{}","id":{}"#, header.provider, header.id)?;
    write!(out, r#","version":{},"channel":{}"#, header.version, header.channel)?;
    write!(out, r#","level":{},"opcode":{}"#, header.level, header.opcode)?;
    write!(out, r#","task":{},"keyword":"{:#x}""#, header.task, header.keyword)?;
    for (name, id) in [("process_id", header.process_id), ("thread_id", header.thread_id)] {
        if let Some(id) = id {
            write!(out, r#","{name}":{id}"#)?;
        }
    }
    write!(out, r#","processor":{},"pointer_size":{}"#, header.processor, header.pointer_size)?;
    write!(out, r#","activity":"{}""#, header.activity)?;
    let (kernel, user) = header.processor_times;
    write!(out, r#","processor_times":[{kernel},{user}],"extended":["#)?;
    for (index, item) in record.items().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(out, r#"{comma}{{"kind":{},"data":""#, item.kind)?;
        write_hex(out, item.data)?;
        out.push_str("\"}");
    }
    out.push_str("],\"payload\":\"");
    write_hex(out, record.payload)?;
    out.push_str("\"}");
    Ok(())
}

fn write_hex(out: &mut String, bytes: &[u8]) -> std::fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02X}"))
}

#[cfg(test)]
mod tests {
    use etwatch_event::raw::push_item;
    use etwatch_event::{ExtendedItem, Guid, RawHeader, Timestamp};

    use super::*;

    #[test]
    fn texts_are_told_apart() {
        let mut texts = RecordTexts::default();
        texts.push(b"{}");
        texts.push(b"");
        texts.push(b"\xffx");
        let all: Vec<_> = (0..4).map(|index| texts.get(index)).collect();
        assert_eq!(all, [Some("{}"), Some(""), Some("\u{fffd}x"), None]);
        texts.clear();
        assert_eq!((texts.len(), texts.get(0)), (0, None));
    }

    #[test]
    fn a_record_of_etw_is_an_object_of_json_with_its_bytes_in_hex() {
        let mut extended = Vec::new();
        push_item(&mut extended, ExtendedItem::EVENT_KEY, &[1, 2], false);
        push_item(&mut extended, ExtendedItem::SID, &[], true);
        let header = RawHeader {
            form: RawForm::Classic,
            time: Timestamp::UNIX_EPOCH,
            provider: Guid([7; 16]),
            keyword: u64::MAX,
            process_id: Some(4),
            ..RawHeader::default()
        };
        let mut texts = RecordTexts::default();
        texts.push_raw(&RawRecord { header, extended: &extended, payload: &[0xab, 0] });
        let text: serde_json::Value = serde_json::from_str(texts.get(0).unwrap()).unwrap();
        assert_eq!(text["form"], "classic");
        assert_eq!(text["time"], "1970-01-01T00:00:00.0000000Z");
        assert_eq!(text["provider"], header.provider.to_string());
        assert_eq!(text["keyword"], "0xffffffffffffffff");
        assert_eq!((&text["process_id"], text.get("thread_id")), (&4.into(), None));
        let items = serde_json::json!([{"kind": 10, "data": "0102"}, {"kind": 2, "data": ""}]);
        assert_eq!(text["extended"], items);
        assert_eq!(text["payload"], "AB00");
    }
}
