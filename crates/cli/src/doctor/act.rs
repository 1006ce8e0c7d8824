//! What a doctor does so that sessions have something to tell: harmless acts, each marked with the token of its run
//! and taken back at once, also when something fails on the way.
//!
//! | act | what is left in the meantime | taken back by |
//! |---|---|---|
//! | children, PowerShell | processes that end by themselves | waiting; killed after ten seconds |
//! | files, pipes | a temporary folder; a pipe | their owner going out of scope |
//! | registry | `HKCU\Software\etwatch\TOKEN`, in memory alone | the same |
//! | connections | a listener on 127.0.0.1 | the same |
//! | a DNS query | a name that ends with `.invalid`, which nobody has | – |
//! | opening a process | a handle to a child of our own | the same |

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use etwatch_host::{HostError, RegistryKey, RegistryValue};

/// Children of [`Act::ShortLived`].
pub(crate) const SHORT_LIVED: usize = 20;
/// Bytes that are sent by [`Act::Connection`].
pub(crate) const SENT: usize = 4_096;
/// How long a child or a query may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How long a connection on this machine may take.
const CONNECTING: Duration = Duration::from_secs(2);

/// Something that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// A child with an awkward command line, which ends at once.
    Child,
    /// Many children, each of which ends at once.
    ShortLived,
    /// A file is written, renamed, deleted; another is deleted when it is closed.
    File,
    /// A key is created, its values are written and deleted, it is renamed and deleted.
    Registry,
    /// A connection within this machine, over which some bytes go.
    Connection,
    /// A connection to a port that nobody listens on.
    RefusedConnection,
    /// A name is looked up.
    DnsQuery,
    /// A script block.
    PowerShell,
}

impl Act {
    /// All, in the order in which they are done.
    pub(crate) const ALL: [Self; 8] = [
        Self::Child,
        Self::ShortLived,
        Self::File,
        Self::Registry,
        Self::Connection,
        Self::RefusedConnection,
        Self::DnsQuery,
        Self::PowerShell,
    ];
    /// What is done, in words that end "could not be done".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Child => "a child process",
            Self::ShortLived => "short-lived children",
            Self::File => "a file",
            Self::Registry => "a registry key",
            Self::Connection => "a connection",
            Self::RefusedConnection => "a refused connection",
            Self::DnsQuery => "a DNS query",
            Self::PowerShell => "a PowerShell script block",
        }
    }
}

/// What was done, as far as it can be recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// The processes that did it: ours, or children of ours.
    pub(crate) pids: Vec<u32>,
    /// The port at the other end of a connection.
    pub(crate) port: Option<u16>,
    /// What the command line of a child ends with, to the letter.
    pub(crate) command_line: Option<String>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDone {
    /// There is no such thing on this system.
    #[error("there is no such thing on this system")]
    NotHere,
    /// It failed.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for NotDone {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<HostError> for NotDone {
    fn from(error: HostError) -> Self {
        match error {
            HostError::NotHere => Self::NotHere,
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Who does it.
#[derive(Debug)]
pub(crate) struct Actor {
    /// A program that ends at once whatever it is given behind `arguments`.
    pub(crate) program: PathBuf,
    /// What it must be given first.
    pub(crate) arguments: Vec<String>,
    /// PowerShell, if there is one.
    pub(crate) powershell: Option<PathBuf>,
    /// Where temporary folders are made.
    pub(crate) folder: PathBuf,
}

impl Actor {
    /// Does it, and takes it back.
    ///
    /// # Errors
    /// Why it was not done; nothing is left then either.
    pub(crate) fn perform(&self, act: Act, token: &str) -> Result<Done, NotDone> {
        match act {
            Act::Child => self.child(token),
            Act::ShortLived => self.short_lived(token),
            Act::File => self.file(token).map_err(NotDone::from),
            Act::Registry => registry(token),
            Act::Connection => connection(),
            Act::RefusedConnection => refused_connection(),
            Act::DnsQuery => dns_query(token),
            Act::PowerShell => self.powershell(token),
        }
    }

    fn child(&self, token: &str) -> Result<Done, NotDone> {
        // Quotes, blanks, a backslash before a quote, an empty argument, letters beyond ASCII and beyond 16 bits.
        let awkward = format!(r#"{token} "two words" a\"b "" größe 𝄞 C:\x\"#);
        let mut command = self.command(&self.program);
        command.args(&self.arguments);
        add_raw(&mut command, &awkward);
        let pid = run(&mut command)?;
        Ok(Done { pids: vec![pid], command_line: Some(awkward), ..Done::default() })
    }

    fn short_lived(&self, token: &str) -> Result<Done, NotDone> {
        let mut pids = Vec::new();
        for number in 0..SHORT_LIVED {
            let mut command = self.command(&self.program);
            command.args(&self.arguments).arg(short_lived_mark(token, number));
            pids.push(run(&mut command)?);
        }
        Ok(Done { pids, ..Done::default() })
    }

    fn file(&self, token: &str) -> io::Result<Done> {
        let folder = tempfile::Builder::new().prefix(token).tempdir_in(&self.folder)?;
        let [first, second, third] =
            ["first", "second", "third"].map(|name| folder.path().join(format!("{token}.{name}")));
        std::fs::write(&first, token)?;
        std::fs::rename(&first, &second)?;
        std::fs::remove_file(&second)?;
        delete_when_closed(&third)?;
        folder.close()?;
        Ok(ours())
    }

    fn powershell(&self, token: &str) -> Result<Done, NotDone> {
        let program = self.powershell.as_ref().ok_or(NotDone::NotHere)?;
        if !program.is_file() {
            return Err(NotDone::NotHere);
        }
        let mut command = self.command(program);
        // The second text holds a word for which PowerShell logs a block also where no policy asks for it.
        let block = format!("'{token}'; 'DllImport'");
        command.args(["-NoProfile", "-NonInteractive", "-Command", &block]);
        Ok(Done { pids: vec![run(&mut command)?], ..Done::default() })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// What the command line of a short-lived child ends with.
pub(crate) fn short_lived_mark(token: &str, number: usize) -> String {
    format!("{token}-short-{number:03}.")
}

/// What our own process did.
fn ours() -> Done {
    Done { pids: vec![std::process::id()], ..Done::default() }
}

/// Adds to the command line as it is.
fn add_raw(command: &mut Command, text: &str) {
    #[cfg(windows)]
    std::os::windows::process::CommandExt::raw_arg(command, text);
    #[cfg(not(windows))]
    command.arg(text);
}

/// A process that is ended when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end; its id. How it ends is of no interest.
fn run(command: &mut Command) -> Result<u32, NotDone> {
    const STEP: Duration = Duration::from_millis(2);
    let mut running = Running(command.spawn()?);
    let mut waited = Duration::ZERO;
    while running.0.try_wait()?.is_none() {
        if waited >= LONGEST {
            return Err(NotDone::Failed(format!("it ran for {} seconds", LONGEST.as_secs())));
        }
        std::thread::sleep(STEP);
        waited += STEP;
    }
    Ok(running.0.id())
}

/// Writes a file that goes away when it is closed (`FILE_FLAG_DELETE_ON_CLOSE`).
fn delete_when_closed(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;
        options.access_mode(0x4000_0000 | 0x0001_0000).custom_flags(0x0400_0000);
        options.open(path)?.write_all(b"x")
    }
    #[cfg(not(windows))]
    {
        options.open(path)?.write_all(b"x")?;
        std::fs::remove_file(path)
    }
}

fn registry(token: &str) -> Result<Done, NotDone> {
    let key = RegistryKey::create(token)?;
    key.set("text", RegistryValue::Text(token))?;
    key.set("number", RegistryValue::Number(0x0e7a_7c81))?;
    key.set("texts", RegistryValue::Texts(&[token, "second"]))?;
    key.delete("number")?;
    key.create_below("before")?;
    key.rename_below("before", "after")?;
    Ok(ours())
}

fn connection() -> Result<Done, NotDone> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mut out = TcpStream::connect_timeout(&address, CONNECTING)?;
    let (mut into, _) = listener.accept()?;
    into.set_read_timeout(Some(CONNECTING))?;
    out.set_write_timeout(Some(CONNECTING))?;
    out.write_all(&[b'e'; SENT])?;
    into.read_exact(&mut [0; SENT])?;
    Ok(Done { port: Some(address.port()), ..ours() })
}

fn refused_connection() -> Result<Done, NotDone> {
    // Nobody listens on a port that was just given back.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    match TcpStream::connect_timeout(&address, CONNECTING) {
        Err(_) => Ok(Done { port: Some(address.port()), ..ours() }),
        Ok(_) => Err(NotDone::Failed("somebody else took the port".to_owned())),
    }
}

/// The name that is looked up. `.invalid` is nobody's by RFC 6761, so no server is to be asked for it.
pub(crate) fn host_name(token: &str) -> String {
    format!("{token}.invalid")
}

fn dns_query(token: &str) -> Result<Done, NotDone> {
    let (answer, answered) = sync_channel(1);
    let name = host_name(token);
    // A resolver may take as long as it likes; its thread is left alone then, and ends with the process.
    std::thread::spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs().is_ok();
        let _ = answer.send(found);
    });
    match answered.recv_timeout(LONGEST) {
        // That there is no such name is the answer that is wanted.
        Ok(_) => Ok(ours()),
        Err(_) => Err(NotDone::Failed("the resolver did not answer".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An actor whose children are this test program, told to run no test.
    fn actor(folder: &Path) -> Actor {
        Actor {
            program: std::env::current_exe().unwrap(),
            arguments: vec!["--exact".to_owned()],
            powershell: None,
            folder: folder.to_owned(),
        }
    }

    #[test]
    fn each_act_is_done_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let actor = actor(folder.path());
        for act in Act::ALL {
            let done = actor.perform(act, "etwatch-doctor-test");
            match (act, &done) {
                (Act::PowerShell, _) => assert_eq!(done, Err(NotDone::NotHere)),
                (Act::Registry, _) if !cfg!(windows) => assert_eq!(done, Err(NotDone::NotHere)),
                (_, Err(error)) => panic!("{act:?}: {error}"),
                (Act::ShortLived, Ok(done)) => assert_eq!(done.pids.len(), SHORT_LIVED),
                (Act::Connection | Act::RefusedConnection, Ok(done)) => {
                    assert!(done.port.is_some());
                }
                (_, Ok(done)) => assert_eq!(done.pids.len(), 1),
            }
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{act:?}");
        }
    }

    #[test]
    fn an_act_that_fails_says_so_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut actor = actor(folder.path());
        actor.program = folder.path().join("no such program");
        assert!(matches!(actor.perform(Act::Child, "t"), Err(NotDone::Failed(_))));
        assert!(matches!(actor.perform(Act::ShortLived, "t"), Err(NotDone::Failed(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        actor.folder = folder.path().join("no such folder");
        assert!(matches!(actor.perform(Act::File, "t"), Err(NotDone::Failed(_))));
    }
}
