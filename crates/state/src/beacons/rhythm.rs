//! Whether gaps between beats come from a timer.
//!
//! A timer with period `p` whose beats are jittered, and some of which are not seen, leaves gaps near `p`, and
//! fewer near `2p`, `3p` … People and their programs leave gaps of all lengths, mostly short ones. The
//! question is which of the two explains the gaps better, and by how much:
//!
//! ```text
//! p, folded     the median of all gaps is near p if most beats are seen; each gap g is m = round(g / p) periods,
//!               at least 1, at most 4; the median of all g / m is a better p; three times over
//! spread s      1.25 times the mean of |g - m p| / (p √m), of gaps within half a period: for a normal
//!               distribution that is its standard deviation; jitter adds up over m periods, hence the root
//! timer         a gap is normal around m p with s p √m, m being 1 with 0.8, 2 with 0.16 …, as if every
//!               fifth beat were missing; or it is none of the timer's, with 0.05, and as chance has it
//! pauses        gaps longer than four periods and a half are of neither: a night without beats must not make
//!               the rest look regular; more pauses than other gaps are no rhythm
//! chance        what is longer than a burst is exponential with its mean
//! evidence      the sum of ln(timer / chance) over all gaps but pauses, less 1.5 ln n for what was fitted
//! ```
//!
//! Being a likelihood ratio, the evidence needs no tuning by samples: chance gives evidence of `e` in one of
//! `exp(e)` looks at most. With one endpoint in a million called by a timer, the probability that this one is
//! follows (Bayes): that is the *confidence*. A timer without jitter reaches 95 % after 8 gaps, one with 30 %
//! jitter and every fifth beat missing after about 30; when [`MOST_GAPS`] do not suffice it is no beacon.

/// Gaps that are looked at, the last ones.
pub const MOST_GAPS: usize = 64;
/// Fewer gaps are no rhythm, however alike they are.
const LEAST: f64 = 8.0;

/// Periods that a gap may be, all beats between its ends missing.
const MOST_PERIODS: f64 = 4.0;
/// How often a beat is taken to be missing.
const MISSING: f64 = 0.2;
/// How often a gap is none of the timer's.
const FOREIGN: f64 = 0.05;
/// Spreads below it are taken for it: clocks and recordings are no better.
const LEAST_SPREAD: f64 = 0.01;
/// A timer with more is none: uniform jitter of half the period, to both sides, has 0.29.
const MOST_SPREAD: f64 = 0.32;
/// Seconds below which gaps are not told apart.
const RESOLUTION: f64 = 0.001;
/// The odds that an endpoint is called by a timer, before anything is seen of it; their logarithm.
const PRIOR: f64 = -13.815_510_557_964_274;
/// 1.25 is √(π / 2): from mean deviation to standard deviation.
const NORMAL: f64 = 1.253_314_137_315_500_3;

/// What gaps say of a timer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// The period, in seconds.
    pub period: f64,
    /// Uniform jitter to both sides that would spread the gaps like this, as part of the period.
    pub jitter: f64,
    /// The probability that it is a timer, from 0 to 1.
    pub confidence: f64,
}

/// The median of `values`, which are sorted by it; nothing of nothing.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if middle >= values.len() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn periods(gap: f64, period: f64) -> f64 {
    (gap / period).round().clamp(1.0, MOST_PERIODS)
}

/// How far a gap is from as many periods as it is nearest to, as part of one.
fn deviation(gap: f64, period: f64) -> f64 {
    let m = periods(gap, period);
    (gap - m * period).abs() / (period * m.sqrt())
}

/// The period and the spread around it.
fn fit(gaps: &[f64]) -> Option<(f64, f64)> {
    let mut folded = [0.0; MOST_GAPS];
    let folded = folded.get_mut(..gaps.len())?;
    folded.copy_from_slice(gaps);
    let mut period = median(folded);
    for _ in 0..3 {
        if period <= 0.0 {
            return None;
        }
        for (place, gap) in folded.iter_mut().zip(gaps) {
            *place = gap / periods(*gap, period);
        }
        period = median(folded);
    }
    let near = gaps.iter().map(|gap| deviation(*gap, period)).filter(|it| *it <= 0.5);
    let (count, sum) = near.fold((0.0, 0.0), |(count, sum), it| (count + 1.0, sum + it));
    (period > 0.0 && count > 0.0).then(|| (period, (NORMAL * sum / count).max(LEAST_SPREAD)))
}

/// The density of a normal distribution at `distance` from its middle.
fn normal(distance: f64, spread: f64) -> f64 {
    let z = distance / spread;
    (-0.5 * z * z).exp() / (spread * (2.0 * std::f64::consts::PI).sqrt())
}

impl Rhythm {
    /// Looks at gaps in seconds, at most [`MOST_GAPS`], none shorter than `least`, which is what chance leaves
    /// between bursts at least; `None` if they are too few, or spread too much.
    #[must_use]
    pub fn of(gaps: &[f64], least: f64) -> Option<Self> {
        let (period, spread) = fit(gaps)?;
        if spread > MOST_SPREAD {
            return None;
        }
        let others = gaps.iter().copied().filter(|gap| *gap < (MOST_PERIODS + 0.5) * period);
        let free = |gap: f64| (gap - least).max(0.0);
        let (count, sum) =
            others.clone().fold((0.0_f64, 0.0), |(count, sum), gap| (count + 1.0, sum + free(gap)));
        let all = gaps.iter().fold(0.0, |count, _| count + 1.0);
        if count < LEAST || 2.0 * count <= all {
            return None;
        }
        let mean = (sum / count).max(RESOLUTION);
        let mut evidence = 0.0;
        for gap in others {
            let m = periods(gap, period);
            let own = (1.0 - MISSING) * MISSING.powf(m - 1.0);
            let timer = own * normal(gap / period - m, spread * m.sqrt()) / period;
            let chance = ((-free(gap) / mean).exp() / mean).max(f64::MIN_POSITIVE);
            evidence += ((1.0 - FOREIGN) * timer / chance + FOREIGN).ln();
        }
        evidence -= 1.5 * count.ln();
        let confidence = 1.0 / (1.0 + (-(evidence + PRIOR)).exp());
        // A uniform distribution of this half-width has this mean deviation.
        let jitter = 2.0 * spread / NORMAL;
        Some(Self { period, jitter, confidence })
    }
}
