# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host through one phase of a deployment: a single task, whose result is all that the host says of itself.

A task costs the controller more than most of what it does, so this one asks the host once where it can. What the controller published, its plan
above all, is read as it is: templating the plan of five hundred hosts for each of them would take longer than the deployment.
"""

from __future__ import annotations

import base64
import functools
import os

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import travel
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import host as of_host
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import layout
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain, said
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

MODULES = "evenkeel.release."
SPEC = {
    "phase": {"type": "str", "choices": ["observe", "stage", "start", "replace", "leave", "settle", "note"], "required": True},
    "services": {"type": "list", "elements": "dict"},
    "direction": {"type": "str", "choices": ["forward", "back"], "default": "forward"},
    "keep_releases": {"type": "int", "default": 5},
    "ready_seconds": {"type": "float", "default": 60},
    "stop_seconds": {"type": "int", "default": 30},
    "rehearse": {"type": "bool", "default": False},
    "stop_other": {"type": "bool", "default": True},
    "protects": {"type": "bool", "default": False},
    "done": {"type": "str"},
    "failed": {"type": "dict", "options": {name: {"type": "str", "required": True} for name in ("phase", "task", "msg")}},
}
REHEARSE = "Rehearse it under load"


class Failed(Exception):
    """What did not work on the host, in the words of the tasks that it stands for."""

    def __init__(self, task, msg):
        super().__init__(msg)
        self.task = task


class ActionModule(ActionBase):
    # A folder for files costs the host two round trips; it is made when one has to travel.
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    # An artifact up to this size travels with the module, which spares four more.
    WITH_MODULE = 256 << 10

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=[("phase", "note", ("failed", "done"), True)])
        self.args, self.vars, self.host = plain(args), task_vars, str(task_vars["inventory_hostname"])
        self.changed, self.diffs = False, []
        before = said(task_vars)
        phase = self.args["phase"]
        if phase == "observe":
            return {**result, **self._observe(), "changed": False}
        if phase == "note":
            after = of_host.failed(before, **self.args["failed"]) if self.args["failed"] else of_host.done(before, self.args["done"])
            return {**result, **after, "changed": False}
        if phase in ("replace", "leave"):
            return {**result, **self._replace()}
        idle = self._task.check_mode and phase != "stage"
        if idle or not self._items or (before["deploy_failed"] and phase != "settle"):
            return {**result, **before, "changed": False, "skipped": True}
        try:
            after = getattr(self, f"_{phase}")(before)
        except Failed as exc:
            after = of_host.failed(before, phase=phase, task=exc.task, msg=str(exc), last=phase == "settle")
            result["warnings"] = [f"{self.host}: {exc.task}: {exc}"]
        return {**result, **after, "changed": self.changed, **({"diff": self.diffs} if self.diffs else {})}

    # --- the phases --------------------------------------------------------------------------------------------------
    def _observe(self):
        services = self._services()
        asked = plain(of_host.asked(services, self._published("deploy_endpoints"), self.host))
        if any(services[name].get("config") for name in asked["roots"] if name in services):
            self._read_secrets()
        answer = self._call("deployment_observe", asked) if asked["balancers"] or asked["roots"] else {}
        if answer.get("failed"):
            raise AnsibleError(str(answer.get("msg")))
        drift = self._variable("evenkeel_drift") or {}
        drifts = "system" in drift or any("drift" in service for service in services.values())
        return of_host.observed(answer, protects=self.args["protects"], drifts=drifts)

    def _stage(self, before):
        origins = {item["service"]: self._origin(item) for item in self._items}
        wanted = [of_host.staged(item, self.host, files=self._rendered(item), owner=self._part(item, "user") or "") for item in self._items]
        known = before["deploy_installed"]
        lacking = [one["name"] for one in wanted if origins[one["name"]].path and one["version"] not in known.get(one["name"], [])]
        answer = self._stage_with(wanted, origins, lacking)
        if answer.get("missing"):  # it was there when it was observed, and is not any more
            answer = self._stage_with(wanted, origins, [*lacking, *answer["missing"]])
        self._accept(answer, "Write its configuration" if answer.get("doing") == "configuration" else "Install the artifact")
        removed = {name: told["removed"] for name, told in answer["services"].items()}
        return {**before, "deploy_done": ["stage"], "deploy_removed": removed}

    def _start(self, before):
        for item in self._items:
            service = self._service(item)
            answer = self._call("service_replace", self._options(service.begun, deadline=self.args["ready_seconds"]))
            self._accept(answer, "Run the colour and wait until it is ready")
            if item.get(layout.BASELINE):
                answer = self._call("service_replace", self._options(service.begun_anew, deadline=self.args["ready_seconds"]))
                self._accept(answer, "Start the old release anew beside it")
            probes = self._options(service.aimed, "rehearse", item["idle"]) if self.args["rehearse"] else []
            if probes:
                self._accept(self._call("health_probe", {"probes": probes, "deadline": 60}), REHEARSE)
        return of_host.done(before, "start")

    def _settle(self, before):
        just = of_host.settled_by(plain(self.vars.get("deploy_replaced")), deployment=self._deployment(), direction=self.args["direction"])
        for item in self._items:
            if item.get(layout.BASELINE):
                self._accept(self._call("service_replace", self._options(self._service(item).ended_anew)), "Stop what the canary was compared with")
            if of_host.ended(item, self.host, just, touched=self._touched):
                continue
            answer = self._call("service_replace", self._options(self._service(item).kept, stop=self.args["stop_other"]))
            self._accept(answer, "Run what stays, point the links at it, stop the other colour")
        return of_host.done(before, "settle", deploy_failed={})

    def _replace(self):
        """Fails where it fails: who asked wants to see that and goes on all the same."""
        direction, answers = self.args["direction"], []
        releases = {}
        leaves = self.args["phase"] == "leave"
        for item in self._items:
            if leaves and not item.get("surge"):
                continue
            try:
                service = self._service(item)
                options = service.kept(stop=True) if leaves else service.replaced(direction=direction, deadline=self.args["ready_seconds"])
            except DeploymentError as exc:
                return {"failed": True, "msg": str(exc), "answers": answers}
            answer = self._call("service_replace", options)
            answers.append({"service": item["service"], **{key: answer[key] for key in ("before", "steps", "probes", "msg") if key in answer}})
            self.changed = self.changed or bool(answer.get("changed"))
            if answer.get("failed"):
                return {"failed": True, "msg": str(answer.get("msg")), "answers": answers, "changed": self.changed}
            if leaves or not item.get("surge"):  # what runs beside the other one is not settled
                releases[item["service"]] = item["keep_release"]
        return {"changed": self.changed, "answers": answers, "deployment": self._deployment(), "direction": direction, "releases": releases}

    # --- what the controller and the inventory know --------------------------------------------------------------------
    @functools.cached_property
    def _controller(self):
        """The variables of localhost as they were set."""
        return self.vars["hostvars"].raw_get("localhost")

    def _published(self, name):
        known = self._controller.get(name)
        if known is None:
            raise AnsibleError(f"The controller did not publish {name}. Run the playbook evenkeel.release.deploy, which takes the phases in their order.")
        return known

    def _deployment(self):
        return str(self._controller.get("deploy_intent") or "")

    @property
    def _touched(self):
        """A deployment that goes back has published the hosts that it touched; a recovery looks at all of them."""
        return self._published("deploy_order") if self.args["direction"] == "back" and self.args["services"] is None else None

    @functools.cached_property
    def _items(self):
        """The services of this host that the phase is about."""
        phase, services = self.args["phase"], self.args["services"]
        if services is None and phase in ("stage", "start"):
            services = self._published("deploy_plan")["services"]
        elif services is None:
            services = self._published("deploy_settle")[self.args["direction"]]
        only_replaced = {"start": False, "replace": True, "leave": True}.get(phase)
        return plain(of_host.here(services, self.host, only_replaced=only_replaced))

    def _variable(self, name):
        """Its value; None where there is none."""
        return plain(self._templar.template(self.vars[name])) if name in self.vars else None

    def _services(self):
        return self._variable("evenkeel_services") or {}

    @functools.cached_property
    def _declared(self):
        declared = self.vars["evenkeel_services"]
        return declared if isinstance(declared, dict) else self._templar.template(declared)

    def _document(self, item):
        """What the inventory declares of the service, evaluated for this host; the others may need what this host lacks."""
        return plain(self._templar.template(self._declared[item["service"]]))

    def _part(self, item, name):
        """Of that document no more than this, evaluated; None where it is not declared."""
        declared = self._declared[item["service"]]
        if not isinstance(declared, dict):  # a template as a whole
            return self._document(item).get(name)
        return plain(self._templar.template(declared[name])) if name in declared else None

    def _service(self, item):
        return of_host.Service(
            item,
            self._document(item),
            host=self.host,
            stop_seconds=self.args["stop_seconds"],
            supervisor_dir=lambda: self._variable("__deploy_supervisor_dir"),
        )

    def _read_secrets(self):
        """Rendering hides its errors together with its secrets: what cannot be read is said here, before anything changes."""
        if "secrets" in self.vars and not isinstance(self._templar.template(self.vars["secrets"]), dict):
            raise AnsibleError(f"The variable secrets of {self.host} is no mapping; see the how-to about secrets.")

    # --- artifact and configuration --------------------------------------------------------------------------------------
    def _origin(self, item):
        variables = settings.templated(self.vars, self._templar.template)
        return travel.origin(item["artifact"]["source"], item["artifact"]["sha256"], variables.get)

    def _stage_with(self, wanted, origins, sent):
        brought = {} if self._task.check_mode else {name: self._brought(origins[name].path, name) for name in sent}
        services = [{**one, **brought.get(one["name"], {"source": origins[one["name"]].url or None})} for one in wanted]
        try:
            return self._call("service_stage", {"services": services, "keep": self.args["keep_releases"]})
        finally:
            if self._connection._shell.tmpdir:
                self._remove_tmp_path(self._connection._shell.tmpdir)

    def _brought(self, path, name):
        """The options of the module that say where the artifact is."""
        item = next(item for item in self._items if item["service"] == name)
        if not os.path.isfile(path):
            raise Failed("Install the artifact", travel.missing(item["artifact"]["source"], path))
        if os.path.getsize(path) > self.WITH_MODULE:
            return {"source": self._sent(path, name)}
        with open(path, "rb") as stream:
            return {"artifact": base64.b64encode(stream.read()).decode()}

    def _sent(self, path, name):
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        remote = shell.join_path(shell.tmpdir, f"artifact-{name}")
        self._transfer_file(path, remote)
        self._fixup_perms2((shell.tmpdir, remote), execute=False)
        return remote

    def _rendered(self, item):
        """The configuration as role configure renders it, by the same action."""
        root = item["hosts"][self.host]["root"]
        known = {
            "configure_service": item["service"],
            "configure_colour": item["idle"],
            "configure_release": item["release"],
            "configure_root": root,
            "__configure_service": self._declared[item["service"]],
            "__configure_endpoint": plain(self._published("deploy_endpoints")[item["service"]][self.host]),
            "__configure_root": root,
            "__configure_colour": item["idle"],
        }
        folder = self._variable("configure_templates_dir") or os.path.join(str(self.vars.get("inventory_dir") or "."), "templates")
        files = []
        for file in self._part(item, "config") or []:
            dest = f"{root}/config/{item['idle']}/{file['name']}"
            content = self._render(os.path.join(folder, file["template"]), dest, {**self.vars, **known})
            files.append({"name": file["name"], "mode": file.get("mode", "0600"), "content": base64.b64encode(content).decode()})
        return files

    def _render(self, source, dest, variables):
        task, loader = self._task.copy(exclude_parent=True), Reading()
        task.args = {"src": source, "dest": dest}
        action = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.template",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        action._shared_loader_obj, action.TRANSFERS_FILES = loader, False
        try:
            done = action.run(task_vars=variables)
        except AnsibleError as exc:
            raise Failed("Render its configuration", _harmless(source, exc)) from None
        if done.get("failed") or loader.content is None:
            raise Failed("Render its configuration", str(done.get("msg") or f"{source} could not be rendered"))
        return loader.content

    # --- the host ------------------------------------------------------------------------------------------------------
    def _options(self, make, *args, **kwargs):
        try:
            return make(*args, **kwargs)
        except DeploymentError as exc:
            raise Failed("Prepare it", str(exc)) from exc

    def _call(self, module, options):
        # A module logs its options on its host, and a unit's text has the values of its environment.
        variables = {**self.vars, "ansible_no_target_syslog": True}
        return self._execute_module(module_name=MODULES + module, module_args=options, task_vars=variables)

    def _accept(self, answer, task):
        self.changed = self.changed or bool(answer.get("changed"))
        self.diffs += _list(answer.get("diff"))
        if answer.get("failed"):
            raise Failed(task, str(answer.get("msg") or answer.get("module_stderr") or "it failed and did not say why"))


class Reading:
    """Stands where action `template` looks for the action that copies what it rendered, and keeps it instead."""

    def __init__(self):
        self.action_loader, self.content, self._path = self, None, ""

    def get(self, _name, *, task, **_others):
        self._path = task.args["src"]
        return self

    def run(self, task_vars=None):  # noqa: ARG002  as an action is called
        with open(self._path, "rb") as stream:
            self.content = stream.read()
        return {"changed": True}


def _harmless(source, exc):
    """Only what is undefined is told by its name: any other error may show a value."""
    if "undefined" in type(exc).__name__.lower():
        return f"{source}: {exc}"
    return f"{source} could not be rendered ({type(exc).__name__}). The reason may hold secrets; render it by hand to see it."


def _list(value):
    return value if isinstance(value, list) else [value] if value else []
