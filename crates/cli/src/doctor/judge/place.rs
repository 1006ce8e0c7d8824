//! Where we run: clocks, disks, the webhook.

use std::path::PathBuf;
use std::time::Duration;

use etwatch_event::Timestamp;
use etwatch_host::HostError;

use crate::doctor::examination::{Observations, Webhook};
use crate::doctor::finding::Verdict;
use crate::doctor::judge::not_told;
use crate::doctor::surroundings::Room;

/// How far the two clocks may run apart during an examination.
const DRIFT: Duration = Duration::from_secs(1);
/// How far an event's time may lie outside of its act.
const SLACK: Duration = Duration::from_secs(1);
/// Before this a clock was never set: the day of the first commit of this check.
const TOO_EARLY: &str = "2025-01-01T00:00:00Z";
/// Bytes that a folder should have room for: a spool and a ring of recordings of usual size.
const ROOM: u64 = 1 << 30;

/// Whether clocks run evenly, and whether events have the time of their acts.
pub(crate) fn clock(observations: &Observations) -> Vec<Verdict> {
    let Some((first, _)) = observations.readings.first() else { return Vec::new() };
    if Timestamp::parse(TOO_EARLY).is_some_and(|early| *first < early) {
        return vec![Verdict::fail(
            format!("the clock shows {first}, so it was never set"),
            "set the clock: alerts carry its time; `w32tm /resync` asks the network",
        )];
    }
    for pair in observations.readings.windows(2) {
        let [(wall, even), (next_wall, next_even)] = pair else { continue };
        let by_wall = next_wall.since(*wall);
        let by_even = next_even.saturating_sub(*even);
        if next_wall < wall || by_wall.abs_diff(by_even) > DRIFT {
            return vec![Verdict::fail(
                format!(
                    "the clock went from {wall} to {next_wall} in {:.1} s",
                    by_even.as_secs_f64()
                ),
                "something sets the clock: one time service must do that, in small steps",
            )];
        }
    }
    vec![event_times(observations)]
}

/// Whether events that name our token have the time of one of our acts.
fn event_times(observations: &Observations) -> Verdict {
    let spans = || observations.acts.values();
    let (Some(began), Some(ended)) =
        (spans().map(|act| act.began).min(), spans().map(|act| act.ended).max())
    else {
        return Verdict::pass("the clock runs evenly");
    };
    let mut worst = Duration::ZERO;
    for canary in &crate::doctor::canary::CANARIES {
        let Some(done) = observations.done(canary.act) else { continue };
        let ours =
            |seen: &&crate::doctor::seen::Seen| canary.is_in(seen, &observations.token, done);
        for seen in observations.sightings.events(canary.log_source).filter(ours) {
            worst = worst.max(began.since(seen.time)).max(seen.time.since(ended));
        }
    }
    if worst > SLACK {
        Verdict::fail(
            format!(
                "an event has a time {:.1} s outside of the act it tells of",
                worst.as_secs_f64()
            ),
            "the sessions' clock is not this machine's: report it, with the build of Windows",
        )
    } else {
        Verdict::pass("the clock runs evenly, and events have the time of their acts")
    }
}

/// Room and rights in the folders that are written to.
pub(crate) fn disk(observations: &Observations) -> Vec<Verdict> {
    let judged = |(purpose, folder, room): &(&'static str, PathBuf, Room)| {
        let verdict = match (&room.writable, &room.free) {
            (Err(what), _) => Verdict::fail(
                format!("can't be written to: {what}"),
                "name another folder, or let the account that runs etwatch write there",
            ),
            (Ok(()), Ok(free)) if *free < ROOM => Verdict::fail(
                format!("{} MB are free", free >> 20),
                format!("make room for {} MB, or name a folder on another disk", ROOM >> 20),
            ),
            (Ok(()), Ok(free)) => {
                Verdict::pass(format!("can be written to, {} MB are free", free >> 20))
            }
            (Ok(()), Err(HostError::NotHere)) => Verdict::pass("can be written to"),
            (Ok(()), Err(error)) => not_told("room", *error),
        };
        verdict.about(format!("{purpose} {}", folder.display()))
    };
    observations.rooms.iter().map(judged).collect()
}

/// What the webhook said.
pub(crate) fn webhook(observations: &Observations) -> Vec<Verdict> {
    let verdict = match (observations.webhook, &observations.webhook_answer) {
        (Webhook::None, _) => Verdict::skipped("none is configured"),
        (Webhook::Silent, _) => Verdict::skipped("nothing was sent; --send posts a test message"),
        (Webhook::Send, None) => return Vec::new(),
        (Webhook::Send, Some(Ok(answer))) => Verdict::pass(answer.clone()),
        (Webhook::Send, Some(Err(what))) => Verdict::fail(
            what.clone(),
            "see `[webhook]` in etwatch.toml: URL, headers, certificate_authorities; a proxy or firewall may \
             be in the way",
        ),
    };
    vec![verdict]
}
