//! Whatever is done in whatever order: nothing is lost uncounted, nothing comes twice or in another order.

use proptest::prelude::*;

use super::*;

/// Something that is done.
#[derive(Clone, Debug)]
enum Act {
    /// A record is delivered: of so many bytes, wanted or not, taken or not.
    Deliver(usize, bool, bool),
    /// Another thread takes the desk, or lets go of it.
    Hold(bool),
    Tick,
    /// A feed reads a batch, and keeps it or not.
    Read(usize, bool),
    /// Batches that were kept are let go of.
    Release,
    Another,
    Close(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => (0..90_usize, prop::bool::weighted(0.9), prop::bool::weighted(0.95))
            .prop_map(|(bytes, wanted, taken)| Act::Deliver(bytes, wanted, taken)),
        2 => any::<bool>().prop_map(Act::Hold),
        2 => Just(Act::Tick),
        6 => (0..3_usize, prop::bool::weighted(0.3)).prop_map(|(feed, kept)| Act::Read(feed, kept)),
        1 => Just(Act::Release),
        1 => Just(Act::Another),
        1 => (1..3_usize).prop_map(Act::Close),
    ]
}

/// A feed, and what it was given.
struct Reader {
    feed: Feed,
    ledger: Ledger,
    numbers: Vec<u64>,
    kept: Vec<LiveBatch>,
    /// Records delivered before there was this feed.
    since: u64,
}

impl Reader {
    fn new(feed: Feed, since: u64) -> Self {
        Self { feed, ledger: Ledger::default(), numbers: Vec::new(), kept: Vec::new(), since }
    }
    /// Reads one batch; whether there was one.
    fn read(&mut self, sizes: &[usize], keep: bool) -> bool {
        let Some(batch) = batch(&mut self.feed) else { return false };
        let counted = batch.ledger();
        assert_eq!(counted.read, batch.len() as u64 + gone(counted), "each batch adds up");
        for record in batch.records() {
            let number = record.header.number;
            assert_eq!(record.header.time.filetime(), number, "a record has its own number");
            let size = sizes[usize::try_from(number).unwrap() - 1];
            let byte = u8::try_from(number % 251).unwrap();
            assert_eq!(record.payload, vec![byte; size], "and its own bytes");
            self.numbers.push(number);
        }
        self.ledger.add(counted);
        if keep {
            self.kept.push(batch);
        }
        true
    }
}

fn check(acts: &[Act], may_drop: bool) {
    let capture = builder(may_drop).filter(|header| header.level == 0);
    let Capture { mut intake, feed, flush } = capture.build().unwrap();
    let counters = intake.counters();
    let mut readers = vec![Reader::new(feed, 0)];
    let (mut sizes, mut taken) = (Vec::new(), Vec::new());
    let mut held = None;
    for act in acts {
        match *act {
            Act::Deliver(size, is_wanted, is_taken) => {
                sizes.push(size);
                let number = sizes.len() as u64;
                let header = RawHeader { level: u8::from(!is_wanted), ..header(number) };
                assert_eq!(intake.wants(&header), is_wanted);
                if is_wanted && is_taken {
                    taken.push(number);
                    let payload = vec![u8::try_from(number % 251).unwrap(); size];
                    intake.take(&RawRecord { header, extended: &[], payload: &payload });
                }
            }
            Act::Hold(true) if held.is_none() => held = Some(flush.0.desk()),
            Act::Hold(_) => held = None,
            Act::Tick => flush.tick(),
            Act::Read(reader, keep) => {
                readers.get_mut(reader).map(|reader| reader.read(&sizes, keep));
            }
            Act::Release => readers.iter_mut().for_each(|reader| reader.kept.clear()),
            Act::Another => {
                held = None;
                if readers.len() < 3 {
                    readers.push(Reader::new(readers[0].feed.another(), sizes.len() as u64));
                }
            }
            Act::Close(reader) if reader < readers.len() => drop(readers.remove(reader)),
            Act::Close(_) => {}
        }
    }
    drop(held);
    drop(intake);
    let delivered = sizes.len() as u64;
    let lost: u64 = counters.dropped().chain(counters.filtered()).map(|(_, count)| count).sum();
    assert_eq!((counters.delivered(), lost + counters.copied()), (delivered, delivered));
    for reader in &mut readers {
        reader.kept.clear();
        while reader.read(&sizes, false) {}
        assert!(matches!(reader.feed.next_batch(Duration::ZERO), Next::Ended));
        let Reader { ledger, numbers, since, .. } = reader;
        assert_eq!(ledger.read, numbers.len() as u64 + gone(ledger));
        assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
        assert!(numbers.iter().all(|number| taken.binary_search(number).is_ok()));
        // One that was wanted and not taken when the feed came is counted behind its beginning.
        let read = ledger.read - (delivered - *since);
        assert!(read == 0 || (read == 1 && *since > 0), "{read} too many");
        if !may_drop && *since == 0 {
            assert_eq!(numbers, &taken, "a session that must not drop drops nothing");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_is_lost_uncounted(acts in prop::collection::vec(act(), 0..400), may_drop: bool) {
        check(&acts, may_drop);
    }
}
