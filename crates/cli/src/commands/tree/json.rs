//! Trees as JSON, an object a line for each host; `docs/process.md` describes it.

use etwatch_alert::object::{Object, push_list};

use super::alerts::{Alerts, RuleAlerts};
use super::forest::Forest;
use crate::processes::show::{push_time, push_without_host};
use crate::processes::{ProcessIndex, Processes};

/// What is written.
pub(super) struct Nested<'n> {
    pub(super) processes: &'n Processes,
    pub(super) forest: &'n Forest,
    pub(super) alerts: &'n Alerts,
}

impl Nested<'_> {
    /// Adds all trees, and the alerts of no known host.
    pub(super) fn push(&self, out: &mut String) {
        for (host, roots) in &self.forest.hosts {
            let alerts = self.alerts.of_host(Some(*host));
            if roots.is_empty() && alerts.is_empty() {
                continue;
            }
            let mut object = Object::begin(out);
            object.text_if_any("host", self.processes.hosts.name(*host));
            push_list(object.key("processes"), roots, |out, root| {
                self.push_process(out, *root, true);
            });
            push_list(object.key("alerts"), alerts, push_alerts);
            object.end();
            out.push('\n');
        }
        let alerts = self.alerts.of_host(None);
        if !alerts.is_empty() {
            let mut object = Object::begin(out);
            push_list(object.key("processes"), &[(); 0], |_, ()| {});
            push_list(object.key("alerts"), alerts, push_alerts);
            object.end();
            out.push('\n');
        }
    }

    fn push_process(&self, out: &mut String, index: ProcessIndex, is_root: bool) {
        let Some(process) = self.processes.get(index) else { return };
        let mut object = Object::begin(out);
        push_without_host(&mut object, process);
        let parent = process.parent.filter(|_| is_root);
        if let Some(parent) = parent.and_then(|parent| self.processes.get(parent)) {
            let mut parent_object = Object::begin(object.key("parent"));
            push_without_host(&mut parent_object, parent);
            parent_object.end();
        }
        push_list(object.key("alerts"), self.alerts.of(index), push_alerts);
        // Not deeper than a forest is.
        push_list(object.key("children"), self.forest.children(index), |out, child| {
            self.push_process(out, *child, false);
        });
        object.end();
    }
}

fn push_alerts(out: &mut String, alerts: &RuleAlerts) {
    let mut object = Object::begin(out);
    object.text_if_any("rule_id", alerts.id.as_deref());
    object.text("title", &alerts.title);
    object.text_if_any("level", alerts.level.as_deref());
    object.number("count", alerts.count);
    push_time(&mut object, "first", alerts.first);
    push_time(&mut object, "last", alerts.last);
    object.end();
}
