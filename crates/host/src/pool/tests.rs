//! Every accepted question gets one answer: asked once, from the cache, late, or refused.

use super::*;
use crate::facts::FileIdentity;
use crate::fake::{FakeClock, FakeFile, FakeHost};

const LONG: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_secs(2);

struct Bench {
    clock: Arc<FakeClock>,
    host: Arc<FakeHost>,
    pool: FactsPool,
}

fn bench(threads: usize, capacity: usize, kept: usize) -> Bench {
    let clock = Arc::new(FakeClock::default());
    let host = Arc::new(FakeHost::new(Arc::clone(&clock)));
    let settings = PoolSettings {
        threads: NonZeroUsize::new(threads).unwrap(),
        capacity,
        kept: NonZeroUsize::new(kept).unwrap(),
        deadline: DEADLINE,
    };
    let pool = FactsPool::start(host.clone(), clock.clone(), &settings).unwrap();
    Bench { clock, host, pool }
}

impl Bench {
    /// Tells the host a file; its hashes follow from the number of its content.
    fn file(&self, path: &str, content: u8, delay: Duration) {
        let facts = FileFacts {
            identity: FileIdentity { file: content.into(), ..FileIdentity::default() },
            answered: FileQuestions::WHOLE_FILE,
            md5: Some([content; 16]),
            sha1: Some([content; 20]),
            sha256: Some([content; 32]),
            ..FileFacts::default()
        };
        self.host.set_file(path, Ok(FakeFile { facts, delay, ..FakeFile::default() }));
    }
    fn ask(&self, path: &str, token: u64) -> Result<(), NoFacts> {
        self.pool.ask(path, FileQuestions::MD5, token)
    }
    /// Waits for so many answers; what each says of the MD5, by token.
    fn answers(&self, count: usize) -> Vec<(u64, Result<Option<u8>, NoFacts>)> {
        let mut answers = Vec::new();
        while answers.len() < count {
            let before = answers.len();
            self.pool.wait(LONG, &mut answers);
            assert!(answers.len() > before, "no answer came");
        }
        let first = |facts: Arc<FileFacts>| facts.md5.map(|md5| md5[0]);
        let mut answers: Vec<_> =
            answers.into_iter().map(|one| (one.token, one.outcome.map(first))).collect();
        answers.sort_by_key(|(token, _)| *token);
        answers
    }
    /// Everything that was asked has gone somewhere.
    fn assert_adds_up(&self) -> PoolCounts {
        let counts = self.pool.counts();
        let told = counts.answered + counts.failed() + counts.late + counts.refused;
        assert_eq!(counts.asked, told, "{counts:?}");
        counts
    }
}

#[test]
fn a_content_is_asked_about_once_whatever_its_path() {
    let bench = bench(2, 100, 10);
    bench.file("a", 1, Duration::ZERO);
    bench.file("b", 1, Duration::ZERO);
    for (token, path) in [(1, "a"), (2, "b"), (3, "a")] {
        bench.ask(path, token).unwrap();
        assert_eq!(bench.answers(1), [(token, Ok(Some(1)))]);
    }
    assert_eq!(bench.host.counts().facts, 1);
    let counts = bench.assert_adds_up();
    assert_eq!((counts.answered, counts.from_cache), (3, 2));
}

#[test]
fn a_path_with_another_content_is_asked_about_anew() {
    let bench = bench(1, 100, 10);
    bench.file("a", 1, Duration::ZERO);
    bench.ask("a", 1).unwrap();
    assert_eq!(bench.answers(1), [(1, Ok(Some(1)))]);
    bench.file("a", 2, Duration::ZERO);
    bench.ask("a", 2).unwrap();
    assert_eq!(bench.answers(1), [(2, Ok(Some(2)))]);
    assert_eq!(bench.assert_adds_up().from_cache, 0);
}

#[test]
fn what_is_asked_beyond_what_is_kept_is_added_to_it() {
    let bench = bench(1, 100, 10);
    bench.file("a", 1, Duration::ZERO);
    let mut answers = Vec::new();
    for wanted in [FileQuestions::MD5, FileQuestions::SHA1 | FileQuestions::MD5] {
        bench.pool.ask("a", wanted, 1).unwrap();
        bench.pool.wait(LONG, &mut answers);
    }
    let facts = answers.pop().unwrap().outcome.unwrap();
    assert_eq!((facts.md5, facts.sha1, facts.sha256), (Some([1; 16]), Some([1; 20]), None));
    assert_eq!(bench.host.counts().facts, 2);
    // A question that the host did not answer is not asked again.
    for _ in 0..2 {
        bench.pool.ask("a", FileQuestions::SIGNATURE, 1).unwrap();
        bench.pool.wait(LONG, &mut answers);
    }
    assert_eq!(bench.host.counts().facts, 3);
    assert_eq!(bench.assert_adds_up().incomplete, 2);
}

#[test]
fn questions_join_what_is_being_worked_on() {
    let bench = bench(2, 100, 10);
    bench.file("slow", 1, Duration::from_secs(1));
    bench.file("same", 1, Duration::from_secs(1));
    bench.file("other", 2, Duration::ZERO);
    bench.ask("slow", 1).unwrap();
    bench.host.wait_for_facts(1);
    // The second thread meets the content in flight, leaves the question there and goes on.
    bench.ask("same", 2).unwrap();
    bench.pool.ask("slow", FileQuestions::SHA1, 3).unwrap();
    bench.ask("other", 4).unwrap();
    assert_eq!(bench.answers(1), [(4, Ok(Some(2)))]);
    // The third wants more than was begun, so there is a second round, which is quick.
    bench.file("slow", 1, Duration::ZERO);
    bench.clock.advance(Duration::from_secs(1));
    let one = Ok(Some(1));
    assert_eq!(bench.answers(3), [(1, one), (2, one), (3, one)]);
    assert_eq!(bench.host.counts().facts, 3);
    let counts = bench.assert_adds_up();
    assert_eq!((counts.answered, counts.joined, counts.incomplete), (4, 2, 0));
}

#[test]
fn questions_about_a_path_wait_together() {
    let bench = bench(1, 100, 10);
    bench.file("slow", 1, Duration::from_secs(1));
    bench.file("b", 2, Duration::ZERO);
    bench.ask("slow", 1).unwrap();
    bench.host.wait_for_facts(1);
    for token in 2..5 {
        bench.ask("b", token).unwrap();
    }
    bench.clock.advance(Duration::from_secs(1));
    let two = Ok(Some(2));
    assert_eq!(bench.answers(4), [(1, Ok(Some(1))), (2, two), (3, two), (4, two)]);
    assert_eq!(bench.host.counts().identities, 2);
    bench.assert_adds_up();
}

#[test]
fn whoever_waits_too_long_is_told_once() {
    let bench = bench(1, 100, 10);
    bench.file("stuck", 1, Duration::from_secs(10));
    bench.file("b", 2, Duration::ZERO);
    bench.ask("stuck", 1).unwrap();
    bench.host.wait_for_facts(1);
    bench.clock.advance(Duration::from_secs(1));
    bench.ask("b", 2).unwrap();
    let mut answers = Vec::new();
    bench.pool.answers(&mut answers);
    assert!(answers.is_empty());
    bench.clock.advance(Duration::from_secs(1));
    bench.pool.answers(&mut answers);
    assert_eq!((answers.len(), answers[0].token), (1, 1));
    assert_eq!(answers[0].outcome, Err(NoFacts::Late));
    // The other one becomes late while it waits for the thread: it is never worked on.
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.pool.counts().late, 1);
    bench.ask("stuck", 3).unwrap();
    assert_eq!(bench.pool.counts().late, 2);
    bench.clock.advance(Duration::from_secs(1));
    // What the thread was stuck in ends at last, and is kept for those who ask now.
    bench.clock.advance(Duration::from_secs(20));
    bench.ask("stuck", 4).unwrap();
    let answers = bench.answers(3);
    let late = Err(NoFacts::Late);
    assert_eq!(answers, [(2, late), (3, late), (4, Ok(Some(1)))]);
    assert_eq!(bench.host.counts().facts, 1);
    let counts = bench.assert_adds_up();
    assert_eq!((counts.late, counts.answered, counts.from_cache), (3, 1, 1));
}

#[test]
fn too_many_questions_are_refused_and_counted() {
    let bench = bench(1, 3, 10);
    bench.file("stuck", 1, Duration::from_secs(1));
    for token in 0..3 {
        assert_eq!(bench.ask("stuck", token), Ok(()));
    }
    assert_eq!(bench.ask("stuck", 3), Err(NoFacts::Refused));
    bench.host.wait_for_facts(1);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.answers(3).len(), 3);
    assert_eq!(bench.ask("stuck", 4), Ok(()));
    assert_eq!(bench.answers(1), [(4, Ok(Some(1)))]);
    let counts = bench.assert_adds_up();
    assert_eq!((counts.asked, counts.answered, counts.refused), (5, 4, 1));
}

#[test]
fn failures_are_told_counted_and_not_kept() {
    let bench = bench(1, 100, 10);
    let denied = HostError::AccessDenied { code: 5 };
    bench.host.set_file("a", Err(denied));
    bench.ask("a", 1).unwrap();
    bench.ask("nowhere", 2).unwrap();
    let gone = NoFacts::Failed(HostError::Gone { code: 2 });
    assert_eq!(bench.answers(2), [(1, Err(NoFacts::Failed(denied))), (2, Err(gone))]);
    bench.file("a", 1, Duration::ZERO);
    bench.ask("a", 3).unwrap();
    assert_eq!(bench.answers(1), [(3, Ok(Some(1)))]);
    let counts = bench.assert_adds_up();
    assert_eq!((counts.access_denied, counts.gone, counts.answered), (1, 1, 1));
}

#[test]
fn the_cache_has_a_bound() {
    let bench = bench(1, 100, 2);
    for content in 0..4 {
        bench.file(&format!("{content}"), content, Duration::ZERO);
    }
    for (token, path, asked) in [(1, "0", 1), (2, "1", 2), (3, "0", 2), (4, "2", 3), (5, "1", 4)] {
        bench.ask(path, token).unwrap();
        bench.answers(1);
        assert_eq!(bench.host.counts().facts, asked, "{token}");
    }
}

/// Many askers, many threads, few contents: each question is answered once.
#[test]
fn every_question_is_answered_once() {
    let bench = bench(4, 10_000, 3);
    for content in 0..6 {
        bench.file(&format!("{content}"), content, Duration::ZERO);
    }
    thread::scope(|scope| {
        for asker in 0..4_u64 {
            let bench = &bench;
            scope.spawn(move || {
                for token in 0..500 {
                    let path = format!("{}", (token * 7 + asker) % 6);
                    bench.ask(&path, asker * 1_000 + token).unwrap();
                }
            });
        }
    });
    let answers = bench.answers(2_000);
    for (token, outcome) in &answers {
        let expected = (token % 1_000 * 7 + token / 1_000) % 6;
        assert_eq!(*outcome, Ok(Some(u8::try_from(expected).unwrap())), "{token}");
    }
    let counts = bench.assert_adds_up();
    assert_eq!((counts.answered, answers.len()), (2_000, 2_000));
}
