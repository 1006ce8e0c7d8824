//! What is kept of beacons from one run to the next.

use std::net::IpAddr;
use std::sync::Arc;

use etwatch_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::rhythm::MOST_GAPS;
use super::{Beacons, Endpoint, Known, Track};
use crate::limits::Room;

/// The beats of all endpoints, and the names of addresses; in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedBeacons {
    tracks: Vec<(Arc<str>, Endpoint, [u32; 4], SavedTrack)>,
    names: Vec<SavedName>,
}

/// Image, address, lineage, the name of the address, and when it was told.
type SavedName = (Arc<str>, IpAddr, [u32; 4], Arc<str>, u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedTrack {
    #[serde(with = "crate::saved::time")]
    seen: Timestamp,
    #[serde(with = "crate::saved::time")]
    first: Timestamp,
    #[serde(with = "crate::saved::time")]
    beat: Timestamp,
    count: u64,
    /// As they lie; those that are not there yet are left out.
    gaps: Vec<u32>,
    #[serde(with = "crate::saved::time")]
    told: Timestamp,
}

impl Beacons {
    /// What is to be kept.
    pub(crate) fn saved(&self) -> SavedBeacons {
        let tracks =
            self.tracks.in_order().into_iter().map(|((image, endpoint), lineage, track)| {
                (Arc::clone(image), endpoint.clone(), lineage, SavedTrack::of(track))
            });
        let names = self.names.in_order().into_iter().map(|((image, address), lineage, known)| {
            let seen = known.seen.filetime();
            (Arc::clone(image), *address, lineage, Arc::clone(&known.name), seen)
        });
        SavedBeacons { tracks: tracks.collect(), names: names.collect() }
    }
    /// Beacons that go on with what was kept.
    pub(crate) fn restored(room: Room, saved: SavedBeacons) -> Self {
        let mut beacons = Self::new(room);
        for (image, endpoint, lineage, track) in saved.tracks {
            beacons.put_track((image, endpoint), lineage, track.track());
        }
        for (image, address, lineage, name, seen) in saved.names {
            let known = Known { name, seen: Timestamp::from_filetime(seen) };
            beacons.put_name((image, address), lineage, known);
        }
        beacons
    }
}

impl SavedTrack {
    fn of(track: &Track) -> Self {
        let there = usize::try_from(track.count.saturating_sub(1)).unwrap_or(MOST_GAPS);
        Self {
            seen: track.seen,
            first: track.first,
            beat: track.beat,
            count: track.count,
            gaps: track.gaps.iter().copied().take(there).collect(),
            told: track.told.unwrap_or_default(),
        }
    }
    fn track(self) -> Track {
        let mut track = Track::new(self.first);
        (track.seen, track.beat) = (self.seen, self.beat);
        // There is one at least, and none has come near the highest number.
        track.count = self.count.clamp(1, u64::from(u32::MAX));
        track.gaps.iter_mut().zip(self.gaps).for_each(|(place, gap)| *place = gap);
        track.told = Some(self.told).filter(|told| told.is_known());
        track
    }
}
