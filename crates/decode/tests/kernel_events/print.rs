//! Fields and events in one line each. What an event does not say is left out.
//!
//! Each type is taken apart by all its members, so that a new one can't be forgotten here.

use std::fmt::{Display, Write as _};
use std::net::{IpAddr, SocketAddr};

use etwatch_decode::KernelEvent;
use etwatch_decode::kernel::{
    Context, FileEvent, ImageEvent, NetworkEvent, ProcessEvent, RegistryEvent, StackEvent,
    ThreadEvent,
};
use etwatch_event::RawValue;

/// A line that grows.
#[derive(Default)]
struct Line(String);

impl Line {
    fn of(kind: &str, what: impl std::fmt::Debug) -> Self {
        Self(format!("{kind} {what:?}"))
    }
    fn add(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            write!(self.0, " {name}={value}").unwrap();
        }
        self
    }
    fn hex(self, name: &str, value: Option<u64>) -> Self {
        self.add(name, value.map(|value| format!("{value:#x}")))
    }
    fn text(self, name: &str, value: Option<&str>) -> Self {
        self.add(name, value.map(|value| format!("{value:?}")))
    }
    fn bytes(self, name: &str, value: Option<&[u8]>) -> Self {
        self.add(name, value.map(|value| format!("{value:02x?}")))
    }
}

/// Names and values of fields.
pub(crate) fn fields<'a>(fields: impl Iterator<Item = (&'a str, RawValue<'a>)>) -> String {
    let mut scratch = String::new();
    let line = fields.fold(String::new(), |mut line, (name, value)| {
        let shown = match value {
            RawValue::Empty => "[]".to_owned(),
            RawValue::One(etwatch_event::Value::Text(text)) => format!("{text:?}"),
            RawValue::One(value) => value.text(&mut scratch).unwrap_or("null").to_owned(),
        };
        write!(line, "{name}={shown} ").unwrap();
        line
    });
    line.trim_end().to_owned()
}

/// When, where and by whom.
pub(crate) fn context(context: &Context) -> String {
    let Context { time, process_id, thread_id, processor } = context;
    Line(format!("time={time}"))
        .add("process_id", *process_id)
        .add("thread_id", *thread_id)
        .add("processor", Some(processor))
        .0
}

/// What happened.
pub(crate) fn event(event: &KernelEvent<'_>) -> String {
    match event {
        KernelEvent::Process(event) => process(event),
        KernelEvent::Thread(event) => thread(event),
        KernelEvent::Image(event) => image(event),
        KernelEvent::Network(event) => network(event),
        KernelEvent::File(event) => file(event),
        KernelEvent::Registry(event) => registry(event),
        KernelEvent::Stack(event) => stack(event),
        KernelEvent::StackKey(event) => {
            let addresses: Vec<_> = event.addresses().map(|at| format!("{at:#x}")).collect();
            let line = Line::of("StackKey", event.operation).hex("key", Some(event.key));
            line.add("addresses", Some(addresses.join(","))).0
        }
        KernelEvent::Generic(event) => format!("Generic {}", event.fields().count()),
        KernelEvent::Unknown(event) => format!("Unknown {:02x?}", event.payload),
        other => panic!("{other:?}"),
    }
}

fn process(event: &ProcessEvent<'_>) -> String {
    let ProcessEvent {
        context: _,
        operation,
        process_id,
        parent_id,
        session_id,
        exit_status,
        create_time,
        exit_time,
        user,
        mandatory_label,
        image_name,
        command_line,
        package_full_name,
        application_id,
        unique_process_key,
        sequence_number,
        parent_sequence_number,
        directory_table_base,
        flags,
        elevation_type,
    } = *event;
    Line::of("Process", operation)
        .add("process_id", Some(process_id))
        .add("parent_id", parent_id)
        .add("session_id", session_id)
        .hex("exit_status", exit_status.map(u64::from))
        .add("create_time", create_time)
        .add("exit_time", exit_time)
        .add("user", user)
        .add("mandatory_label", mandatory_label)
        .text("image_name", image_name)
        .text("command_line", command_line)
        .text("package_full_name", package_full_name)
        .text("application_id", application_id)
        .hex("unique_process_key", unique_process_key)
        .add("sequence_number", sequence_number)
        .add("parent_sequence_number", parent_sequence_number)
        .hex("directory_table_base", directory_table_base)
        .hex("flags", flags.map(u64::from))
        .add("elevation_type", elevation_type)
        .0
}

fn thread(event: &ThreadEvent<'_>) -> String {
    let ThreadEvent {
        context: _,
        operation,
        process_id,
        thread_id,
        stack,
        user_stack,
        start_address,
        win32_start_address,
        teb_base,
        sub_process_tag,
        affinity,
        base_priority,
        name,
    } = *event;
    let another = event.from_another_process().then_some("yes");
    Line::of("Thread", operation)
        .add("process_id", Some(process_id))
        .add("thread_id", Some(thread_id))
        .add("from_another_process", another)
        .hex("stack_base", stack.0)
        .hex("stack_limit", stack.1)
        .hex("user_stack_base", user_stack.0)
        .hex("user_stack_limit", user_stack.1)
        .hex("start_address", start_address)
        .hex("win32_start_address", win32_start_address)
        .hex("teb_base", teb_base)
        .add("sub_process_tag", sub_process_tag)
        .hex("affinity", affinity)
        .add("base_priority", base_priority)
        .text("name", name)
        .0
}

fn image(event: &ImageEvent<'_>) -> String {
    let ImageEvent {
        context: _,
        operation,
        process_id,
        image_base,
        image_size,
        checksum,
        time_date_stamp,
        default_base,
        signature_level,
        signature_type,
        file_name,
    } = *event;
    Line::of("Image", operation)
        .add("process_id", process_id)
        .hex("image_base", Some(image_base))
        .hex("image_size", image_size)
        .hex("checksum", checksum.map(u64::from))
        .add("time_date_stamp", time_date_stamp)
        .hex("default_base", default_base)
        .add("signature_level", signature_level)
        .add("signature_type", signature_type)
        .text("file_name", file_name)
        .0
}

fn network(event: &NetworkEvent) -> String {
    let NetworkEvent {
        context: _,
        operation,
        protocol,
        process_id,
        source_address,
        source_port,
        destination_address,
        destination_port,
        size,
        sequence,
        connection_id,
        failure_code,
    } = *event;
    Line::of("Network", protocol)
        .add("operation", Some(format!("{operation:?}")))
        .add("process_id", process_id)
        .add("source_address", source_address)
        .add("source_port", source_port)
        .add("destination_address", destination_address)
        .add("destination_port", destination_port)
        .add("local", side(event.local()))
        .add("remote", side(event.remote()))
        .add("size", size)
        .add("sequence", sequence)
        .hex("connection_id", connection_id)
        .add("failure_code", failure_code)
        .0
}

fn side((address, port): (Option<IpAddr>, Option<u16>)) -> Option<SocketAddr> {
    Some(SocketAddr::new(address?, port?))
}

fn file(event: &FileEvent<'_>) -> String {
    let FileEvent {
        context: _,
        operation,
        process_id,
        thread_id,
        path,
        file_object,
        file_key,
        irp,
        create_options,
        file_attributes,
        share_access,
        offset,
        size,
        info_class,
        extra_information,
        status,
    } = *event;
    Line::of("File", operation)
        .add("process_id", process_id)
        .add("thread_id", thread_id)
        .text("path", path)
        .hex("file_object", file_object)
        .hex("file_key", file_key)
        .hex("irp", irp)
        .hex("create_options", create_options.map(u64::from))
        .hex("file_attributes", file_attributes.map(u64::from))
        .add("share_access", share_access)
        .hex("offset", offset)
        .add("size", size)
        .add("info_class", info_class)
        .hex("extra_information", extra_information)
        .hex("status", status.map(u64::from))
        .0
}

fn registry(event: &RegistryEvent<'_>) -> String {
    let RegistryEvent {
        context: _,
        operation,
        process_id,
        key,
        base_key,
        key_name,
        base_name,
        value_name,
        value_type,
        data_size,
        captured_data,
        disposition,
        index,
        info_class,
        status,
        initial_time,
        transaction,
        hive,
    } = *event;
    Line::of("Registry", operation)
        .add("process_id", process_id)
        .hex("key", key)
        .hex("base_key", base_key)
        .text("key_name", key_name)
        .text("base_name", base_name)
        .text("value_name", value_name)
        .add("value_type", value_type)
        .add("data_size", data_size)
        .bytes("captured_data", captured_data)
        .add("disposition", disposition)
        .add("index", index)
        .add("info_class", info_class)
        .hex("status", status.map(u64::from))
        .add("initial_time", initial_time)
        .add("transaction", transaction)
        .text("hive", hive)
        .0
}

fn stack(event: &StackEvent<'_>) -> String {
    let addresses: Vec<_> = event.addresses().map(|address| format!("{address:#x}")).collect();
    Line::of("Stack", ())
        .add("process_id", Some(event.process_id))
        .add("thread_id", Some(event.thread_id))
        .add("event_time_stamp", Some(event.event_time_stamp))
        .hex("key", event.key)
        .add("addresses", Some(addresses.join(",")))
        .0
}
