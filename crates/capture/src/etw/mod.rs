//! Windows' ETW sessions: started, watched, repaired and stopped; their records handed on.
//!
//! ```text
//! SessionSettings ─▶ Manager ──EtwApi──▶ Windows                    one table says what a refusal means
//!                      │  ▲                 │ EVENT_RECORD, one thread a session
//!      every second    │  │ notices         ▼
//!      losses, changes │  └──────────── Callback ─▶ Receive, Receive, …
//!      repaired, told ─┘                header, items, payload; unwinding is caught here
//! ```
//!
//! A session is a thing of the machine, not of the process that started it: it outlives a crash, another may stop
//! or narrow it, and there are only so many. So what is wanted is kept beside what Windows says there is, the two
//! are compared as long as the run lasts, and what differs is put right and told. All of that is plain logic over
//! one narrow trait, [`EtwApi`]; Windows stands behind it on Windows, [`FakeEtw`] in tests.
//!
//! | module | holds | come here when |
//! |---|---|---|
//! | [`api`] | [`EtwApi`], what can be asked of Windows, in plain types | something more is to be asked |
//! | `answers` | answers of Windows that come as bytes | they are read wrongly |
//! | [`callback`] | [`Callback`], who takes the records of a session | records get lost on their way in |
//! | [`record`] | from `EVENT_RECORD` to a raw record, and back for TDH | a field of a header is wrong |
//! | [`session`] | one session: started, its refusals met, what was granted | a session does not start |
//! | [`manager`] | [`Manager`], all sessions of a run | sessions are started and stopped |
//! | [`losses`] | [`SessionLosses`], what was lost where | losses do not add up |
//! | [`describe`] | [`Describer`], layouts for the stream | a schema is missed |
//! | [`watch`] | [`Change`], what others did to sessions, told once | a change is missed, or told too often |
//! | [`notice`] | what Kernel-EventTracing tells of sessions | it tells something new |
//! | [`watcher`] | [`Watcher`], the thread that looks every second | a run begins or ends |
//! | [`instance`] | [`InstanceLock`], one etwatch at a time | two runs meet |
//! | [`error`] | [`EtwError`], and the one table of refusals | a code of Windows has no row |
//! | [`code`] | Windows' error codes that have a meaning here | – |
//! | [`defaults`] | measured settings, each with its reason | a default is doubted |
//! | `windows` | [`EtwApi`] by ferrisetw and Win32: all `unsafe` of the crate | Windows does otherwise |
//! | [`fake`] | [`FakeEtw`], a machine with sessions that is told what to do | a test needs Windows |

#[cfg_attr(not(windows), allow(dead_code, reason = "Windows alone gives such answers"))]
mod answers;
pub mod api;
pub mod callback;
pub mod code;
pub mod defaults;
pub mod describe;
pub mod error;
pub mod fake;
pub mod instance;
pub mod losses;
pub mod manager;
pub mod notice;
pub mod record;
pub mod session;
pub mod watch;
pub mod watcher;
#[cfg(windows)]
mod windows;

pub use api::{Consumption, EtwApi, SessionState};
pub use callback::{Callback, CallbackCounts};
pub use describe::Describer;
pub use error::{Call, EtwError, Refusal};
pub use fake::FakeEtw;
pub use instance::InstanceLock;
pub use losses::SessionLosses;
pub use manager::{Changed, Manager, ManagerSettings, WantedSession};
pub use session::{Note, SessionReport};
pub use watch::{Change, ChangeKind};
pub use watcher::{Watch, Watcher};
#[cfg(windows)]
pub use windows::WindowsEtw;
