//! Services, by the service manager: the crate `windows-service`, and one call of our own for what it lacks, the list of
//! privileges.
//!
//! Windows calls the entry of a service without anything of ours, so what it is to do waits in a static
//! place ([`WANTED`]), from which the entry takes it; there is one service in a process.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept,
    ServiceErrorControl, ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod,
    ServiceInfo, ServiceSidType, ServiceStartType, ServiceState as State,
    ServiceStatus as RawStatus, ServiceType,
};
use windows_service::service_control_handler::{
    ServiceControlHandlerResult, ServiceStatusHandle, register,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_LEVEL, ERROR_INVALID_PARAMETER, ERROR_SERVICE_ALREADY_RUNNING,
    ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_NOT_ACTIVE, GetLastError,
};
use windows_sys::Win32::System::Services::{
    ChangeServiceConfig2W, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
    SERVICE_REQUIRED_PRIVILEGES_INFOW,
};

use crate::service::{
    Body, OnStop, RESET, RESTARTS, ServiceAccount, ServiceError, ServiceSettings, ServiceState,
    ServiceStatus, Step, refused,
};

/// How often a service that starts or stops is looked at, and says that it is still at it.
const LOOK: Duration = Duration::from_millis(100);
const BEAT: Duration = Duration::from_secs(1);
/// How long the service manager may wait for the next beat.
const HINT: Duration = Duration::from_secs(10);
/// The exit code of a body that came down.
const PANICKED: u32 = 101;

fn failed(step: Step, name: &str) -> impl Fn(windows_service::Error) -> ServiceError {
    move |error| {
        let code = match &error {
            windows_service::Error::Winapi(error) => error.raw_os_error().map(i32::cast_unsigned),
            _ => None,
        };
        refused(step, name, code.unwrap_or(ERROR_INVALID_PARAMETER))
    }
}

fn manager(name: &str, access: ServiceManagerAccess) -> Result<ServiceManager, ServiceError> {
    ServiceManager::local_computer(None::<&str>, access).map_err(failed(Step::Connect, name))
}

fn open(name: &str, access: ServiceAccess, step: Step) -> Result<Service, ServiceError> {
    let manager = manager(name, ServiceManagerAccess::CONNECT)?;
    manager.open_service(name, access).map_err(failed(step, name))
}

pub(crate) fn install(settings: &ServiceSettings) -> Result<Vec<&'static str>, ServiceError> {
    let name = &settings.name;
    let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = manager(name, access)?;
    let account_name = match settings.account {
        ServiceAccount::System => None,
        ServiceAccount::Virtual => Some(OsString::from(format!("NT SERVICE\\{name}"))),
    };
    let by_itself = settings.starts_by_itself;
    let info = ServiceInfo {
        name: name.into(),
        display_name: settings.display_name.clone().into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: if by_itself {
            ServiceStartType::AutoStart
        } else {
            ServiceStartType::OnDemand
        },
        error_control: ServiceErrorControl::Normal,
        executable_path: settings.executable.clone(),
        launch_arguments: settings.arguments.clone(),
        dependencies: Vec::new(),
        account_name,
        account_password: None,
    };
    // To set restarts, the right to start it is needed as well.
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::DELETE;
    let service = manager.create_service(&info, access).map_err(failed(Step::Install, name))?;
    set_up(&service, settings).inspect_err(|_| {
        // Half of a service would run with more rights than it says; that it can't be taken away is no more
        // than what is told already.
        let _ = service.delete();
    })
}

/// Sets up what is beside the program; returns what this system does not know.
fn set_up(
    service: &Service,
    settings: &ServiceSettings,
) -> Result<Vec<&'static str>, ServiceError> {
    let failed = failed(Step::SetUp, &settings.name);
    let restart =
        |delay: Duration| ServiceAction { action_type: ServiceActionType::Restart, delay };
    let actions = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(RESET),
        reboot_msg: None,
        command: None,
        actions: Some(RESTARTS.into_iter().map(restart).collect()),
    };
    let privileges = require(service, settings.account.privileges());
    // Only what Windows starts by itself can be delayed.
    let delayed = match settings.starts_by_itself {
        true => service.set_delayed_auto_start(true).map_err(&failed),
        false => Ok(()),
    };
    let mut left_out = Vec::new();
    for (what, done) in [
        ("description", service.set_description(&settings.description).map_err(&failed)),
        ("delayed start", delayed),
        (
            "service SID",
            service.set_config_service_sid_info(ServiceSidType::Unrestricted).map_err(&failed),
        ),
        ("restarts", service.update_failure_actions(actions).map_err(&failed)),
        (
            "restarts after exit codes",
            service.set_failure_actions_on_non_crash_failures(true).map_err(&failed),
        ),
        ("privileges", privileges.map_err(|code| refused(Step::SetUp, &settings.name, code))),
    ] {
        match done {
            Err(error) if error.source.code() == ERROR_INVALID_LEVEL => left_out.push(what),
            done => done?,
        }
    }
    Ok(left_out)
}

/// Has Windows take all other privileges out of the token of the service.
fn require(service: &Service, privileges: &[&str]) -> Result<(), u32> {
    // Each ends with a NUL, and the list with an empty one.
    let ended = privileges.iter().flat_map(|one| one.encode_utf16().chain([0]));
    let mut list: Vec<u16> = ended.chain([0]).collect();
    let info = SERVICE_REQUIRED_PRIVILEGES_INFOW { pmszRequiredPrivileges: list.as_mut_ptr() };
    let handle = service.raw_handle();
    // SAFETY: the handle is open as long as `service`, with the right to change it; `info` is the structure of this
    // level, and points to a list that ends as it must. Both live through the call, which copies them.
    let changed = unsafe {
        ChangeServiceConfig2W(
            handle,
            SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
            (&raw const info).cast(),
        )
    };
    // SAFETY: it reads a number of this thread.
    if changed == 0 { Err(unsafe { GetLastError() }) } else { Ok(()) }
}

pub(crate) fn uninstall(name: &str) -> Result<(), ServiceError> {
    let service = open(name, ServiceAccess::DELETE, Step::Uninstall)?;
    service.delete().map_err(failed(Step::Uninstall, name))
}

pub(crate) fn start(name: &str, wait: Duration) -> Result<ServiceStatus, ServiceError> {
    let access = ServiceAccess::START | ServiceAccess::QUERY_STATUS;
    let service = open(name, access, Step::Start)?;
    match service.start::<&str>(&[]).map_err(failed(Step::Start, name)) {
        Err(error) if error.source.code() != ERROR_SERVICE_ALREADY_RUNNING => Err(error),
        _ => settled(&service, name, Step::Start, wait, ServiceState::Starting),
    }
}

pub(crate) fn stop(name: &str, wait: Duration) -> Result<ServiceStatus, ServiceError> {
    let access = ServiceAccess::STOP | ServiceAccess::QUERY_STATUS;
    let service = open(name, access, Step::Stop)?;
    match service.stop().map_err(failed(Step::Stop, name)) {
        Err(error) if error.source.code() != ERROR_SERVICE_NOT_ACTIVE => Err(error),
        _ => settled(&service, name, Step::Stop, wait, ServiceState::Stopping),
    }
}

/// What the service does once it is no longer `pending`, or when it was waited long enough.
fn settled(
    service: &Service,
    name: &str,
    step: Step,
    wait: Duration,
    pending: ServiceState,
) -> Result<ServiceStatus, ServiceError> {
    let mut left = wait;
    loop {
        let status = service.query_status().map_err(failed(step, name))?;
        let status = status_of(&status);
        let Some(less) = left.checked_sub(LOOK) else { return Ok(status) };
        // Between the order to stop and its being taken, the service still runs.
        let is_on_the_way =
            pending == ServiceState::Stopping && status.state == ServiceState::Running;
        if status.state != pending && !is_on_the_way {
            return Ok(status);
        }
        std::thread::sleep(LOOK);
        left = less;
    }
}

pub(crate) fn status(name: &str) -> Result<ServiceStatus, ServiceError> {
    match open(name, ServiceAccess::QUERY_STATUS, Step::Query) {
        Err(error) if error.source.code() == ERROR_SERVICE_DOES_NOT_EXIST => {
            Ok(ServiceStatus { state: ServiceState::NotInstalled, process: None, exit_code: 0 })
        }
        service => {
            let status = service?.query_status().map_err(failed(Step::Query, name))?;
            Ok(status_of(&status))
        }
    }
}

fn status_of(status: &RawStatus) -> ServiceStatus {
    let state = match status.current_state {
        State::Stopped => ServiceState::Stopped,
        State::StartPending => ServiceState::Starting,
        State::Running => ServiceState::Running,
        State::StopPending => ServiceState::Stopping,
        State::Paused | State::PausePending | State::ContinuePending => ServiceState::Paused,
    };
    let exit_code = match status.exit_code {
        ServiceExitCode::Win32(code) | ServiceExitCode::ServiceSpecific(code) => code,
    };
    ServiceStatus { state, process: status.process_id.filter(|process| *process != 0), exit_code }
}

/// What the service of this process is to do.
struct Wanted {
    name: String,
    on_stop: OnStop,
    body: Body,
}

static WANTED: Mutex<Option<Wanted>> = Mutex::new(None);

pub(crate) fn run(name: &str, on_stop: OnStop, body: Body) -> Result<(), ServiceError> {
    let wanted = Wanted { name: name.to_owned(), on_stop, body };
    *WANTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
    let ended = service_dispatcher::start(name, service_entry);
    WANTED.lock().unwrap_or_else(PoisonError::into_inner).take();
    ended.map_err(failed(Step::Run, name))
}

define_windows_service!(service_entry, serve);

/// The service, on a thread of its own that the dispatcher has made.
fn serve(_: Vec<OsString>) {
    let wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Wanted { name, on_stop, body }) = wanted else { return };
    let (stopping, orders) = sync_channel(1);
    let on_stop = Mutex::new(on_stop);
    let is_ordered = Arc::new(AtomicBool::new(false));
    let ordered = Arc::clone(&is_ordered);
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            ordered.store(true, Ordering::SeqCst);
            (on_stop.lock().unwrap_or_else(PoisonError::into_inner))();
            // It may have been said before, or the body has returned and nobody listens any more.
            let _ = stopping.try_send(());
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    // Without a handle there is nobody to tell that it failed; the service manager sees the process end.
    let Ok(handle) = register(&name, handler) else { return };
    tell(handle, State::Running, ServiceExitCode::NO_ERROR, 0);
    let (done, end) = sync_channel::<()>(1);
    let beats = std::thread::spawn(move || {
        // Ends with the order to stop, or with the body if there is none.
        while let Err(RecvTimeoutError::Timeout) = orders.recv_timeout(LOOK) {
            if end.try_recv().is_ok() {
                return;
            }
        }
        for beat in 1.. {
            tell(handle, State::StopPending, ServiceExitCode::NO_ERROR, beat);
            if end.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    });
    // A panic must not cross into Windows.
    let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(PANICKED);
    let _ = done.send(());
    let _ = beats.join();
    // Any other code is a failure to Windows, after which it would start again what was to stop.
    let code = match code {
        code if code != 0 && !is_ordered.load(Ordering::SeqCst) => {
            ServiceExitCode::ServiceSpecific(code)
        }
        _ => ServiceExitCode::NO_ERROR,
    };
    tell(handle, State::Stopped, code, 0);
}

fn tell(handle: ServiceStatusHandle, state: State, exit_code: ServiceExitCode, checkpoint: u32) {
    let accepted = match state {
        State::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
        _ => ServiceControlAccept::empty(),
    };
    let wait_hint = if state == State::StopPending { HINT } else { Duration::ZERO };
    let status = RawStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: accepted,
        exit_code,
        checkpoint,
        wait_hint,
        process_id: None,
    };
    // The service manager is the only one who could be told that it can't be told.
    let _ = handle.set_service_status(status);
}
