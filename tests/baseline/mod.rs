//! Baselines: what the reference decoder made of recordings, as text, and when a value of ours says the
//! same.
//!
//! A baseline has a line for the first five events of each kind, and the number of all of them:
//!
//! ```text
//! EVENT 1,249.834: Windows Kernel/DiskIO/Write PID=4; TID=44; PName=System; ProceNum=0; DataLen=52; DiskNumber=0; …
//! COUNT Windows Kernel/DiskIO/Write:21
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`line`] | the lines |
//! | [`spelling`] | how the reference writes a value |
//! | [`names`] | names of the reference that are its own, and columns that no payload holds |
//! | [`tally`] | what was compared, what not and why |

pub(crate) mod line;
pub(crate) mod names;
pub(crate) mod spelling;
pub(crate) mod tally;
