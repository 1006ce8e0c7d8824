//! What was lost, and how much comes.

use std::collections::BTreeMap;

use crate::doctor::examination::Observations;
use crate::doctor::finding::Verdict;
use crate::doctor::judge::not_watched;

/// Whether Windows or we lost anything while the acts were done.
pub(crate) fn loss(observations: &Observations) -> Vec<Verdict> {
    if let Some(skipped) = not_watched(observations) {
        return skipped;
    }
    let verdict = match &observations.losses {
        None => Verdict::skipped("not asked"),
        Some(Err(what)) => Verdict::unknown(
            format!("Windows did not tell what it lost: {what}"),
            "see what `sessions` says; a session that was stopped by another program tells nothing",
        ),
        Some(Ok(losses)) => {
            let parts = [
                (losses.events, "events that found no buffer", "more buffers"),
                (losses.buffers, "buffers that were not delivered", "a shorter flush time"),
                (
                    losses.dropped,
                    "records that we dropped",
                    "fewer noisy log sources, or more processors",
                ),
            ];
            let lost: Vec<_> = parts.iter().filter(|(count, _, _)| *count > 0).collect();
            if lost.is_empty() {
                Verdict::pass("nothing was lost")
            } else {
                let seen: Vec<_> = lost.iter().map(|(n, what, _)| format!("{n} {what}")).collect();
                let remedies: Vec<_> = lost.iter().map(|(_, _, remedy)| *remedy).collect();
                Verdict::fail(
                    format!("lost while a few things were done: {}", seen.join(", ")),
                    format!("give sessions {}; see docs/windows.md, overload", remedies.join(", ")),
                )
            }
        }
    };
    vec![verdict]
}

/// How many records come while nothing is done: figures, not a judgement.
pub(crate) fn rates(observations: &Observations) -> Vec<Verdict> {
    if let Some(skipped) = not_watched(observations) {
        return skipped;
    }
    let Some((counts, time)) = &observations.idle else {
        return vec![Verdict::skipped("not asked for; --idle SECONDS counts")];
    };
    let mut providers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((provider, id), count) in counts {
        // Figures of a person's size: records are far fewer than what a float tells apart.
        let rate = *count as f64 / time.as_secs_f64().max(0.001);
        let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        providers.entry(provider).or_default().push(format!("id {id} {rate:.1}/s"));
    }
    if providers.is_empty() {
        return vec![Verdict::unknown(
            format!("no record in {:.0} s", time.as_secs_f64()),
            "see what `provider` says; a Windows that runs always tells something",
        )];
    }
    let line = |(provider, ids): (&str, Vec<String>)| Verdict::pass(ids.join(", ")).about(provider);
    providers.into_iter().map(line).collect()
}
