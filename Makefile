# carpel: one non-recursive makefile; explicit source list per layer and program. `make help` lists the targets.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build$(if $(SAN),-san)
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PKG := pkg-config
GEN := $(BUILD)/gen

# ---- source lists -------------------------------------------------------------------------------------------------
BASE_SRC := $(addprefix runtime/base/,err.c buf.c str.c clock.c log.c fd.c fd_walk.c fd_tree.c uid.c aged.c base64.c json.c json_parse.c)
LOOP_SRC := runtime/base/loop.c
YAML_SRC := runtime/base/yaml.c runtime/base/yaml_scalar.c
LOCKDOWN_SRC := runtime/base/lockdown.c
SYS_SRC := $(addprefix runtime/sys/,ns.c userns.c mount.c mountinfo.c cred.c lsm.c seccomp.c seccomp_bpf.c seccomp_profile.c seccomp_rules.c caps.c sig.c device_rules.c)
SPAWN_SRC := runtime/sys/spawn.c runtime/sys/sig.c
CGROUP_SRC := $(addprefix runtime/sys/,cgroup.c cgroup_freeze.c cgroup_io.c cgroup_limits.c cgroup_path.c cgroup_rare.c cgroup_self.c cgroup_stats.c cgroup_unified.c cgroup_write.c systemd.c)
STATS_SRC := runtime/sys/usage.c runtime/sys/netstat.c
SPEC_SRC := $(addprefix runtime/spec/,names.c cdi.c cdi_fields.c cdi_read.c devices.c quantity.c quantity_text.c selector.c selector_labels.c pod.c qos.c causes.c \
	manifest.c manifest_fields.c manifest_fields_container.c manifest_fields_volume.c manifest_fields_scheduling.c \
	manifest_decode.c manifest_arrange.c manifest_build.c manifest_build_container.c default.c annotations.c honour.c resize.c check.c \
	validate.c validate_container.c validate_env.c validate_probe.c validate_security.c validate_volume.c admit.c)
PLAN_SRC := $(addprefix runtime/spec/,plan.c plan_device.c plan_hook.c plan_map.c plan_mount.c plan_parse.c plan_sysctl.c plan_volume.c)
PROBE_WIRE_SRC := runtime/spec/probe_wire.c
# CRI's messages; gen/ is what protoc-c writes, see below.
MESSAGE_SRC := gen/spec/cri.pb-c.c $(addprefix runtime/spec/,message.c message_json_read.c message_json_write.c)
# From CRI's messages to the model.
SPEC_CRI_SRC := $(addprefix runtime/spec/,cri_check.c cri_sandbox.c cri_security.c cri_container.c cri_devices.c cri_mounts.c cri_resources.c \
	cri_signal.c cri_users.c)
POD_SRC := $(addprefix runtime/pod/,lifecycle.c lifecycle_act.c lifecycle_ctr.c lifecycle_probe.c lifecycle_resize.c lifecycle_stop.c resize.c backoff.c \
	status.c status_conditions.c status_ctr.c state_json.c store.c object.c record.c layout.c env.c etc.c resources.c \
	volume.c sandbox.c container.c container_devices.c container_mounts.c disk.c fdstore.c event_fold.c users.c lsm.c)
H2_SRC := $(addprefix runtime/api/,h2.c h2_answer.c h2_conn.c h2_frames.c h2_hold.c)
GRPC_SRC := $(addprefix runtime/api/,grpc.c grpc_answer.c grpc_health.c grpc_reflection.c grpc_request.c grpc_text.c grpc_wire.c) \
	$(addprefix gen/spec/,health.pb-c.c reflection.pb-c.c)
API_SRC := $(addprefix runtime/api/,carpel.c containers.c delete_query.c events.c kube_status.c list.c list_token.c log.c pods.c resize.c \
	pretty.c query.c rest.c rest_parts.c server.c stream.c watch.c write.c ws.c) $(H2_SRC) $(GRPC_SRC)
CLIENT_SRC := $(addprefix runtime/api/,client.c client_grpc.c client_request.c client_stream.c ws.c)
ENGINE_SRC := $(addprefix runtime/engine/,open.c cdi.c sandbox.c scope.c slice.c systemctl.c ctr.c ctr_record.c launch.c launcher.c logs.c logs_file.c logs_reopen.c exec_run.c terminal.c profiles.c \
	resume.c find.c child.c helper.c outbox.c discard.c job.c image_job.c usage_job.c users.c lsm.c)
CRI_SRC := $(addprefix runtime/cri/,service.c set.c wait.c record.c resume.c sandbox.c container.c container_run.c list.c stream.c \
	status.c exec.c update.c events.c images.c stats.c stats_fill.c stats_sandbox.c usage.c)
DAEMON_SRC := $(addprefix runtime/daemon/,main.c confine.c options.c listen.c node.c keeper.c own_cgroup.c pod.c pods.c pod_sandbox.c pod_ctr.c pod_log.c \
	prober.c prober_link.c exec.c backend.c calls.c objects.c events.c event_file.c versions.c images.c recover.c resize.c shutdown.c qos.c usage.c disk.c driver.c users.c)
LAUNCH_SRC := $(addprefix runtime/launch/,main.c serve.c job.c report.c protect.c prepare.c user.c userns.c sandbox.c container.c process.c \
	overlay.c hooks.c binds.c target.c volumes.c devices.c devices_rules.c tree.c mask.c profile_json.c \
	bundle.c copy_up.c filesystem.c limits.c namespaces.c root.c wait.c)
LOG_SRC := $(addprefix runtime/log/,main.c attached.c confine.c control.c format.c stage.c streams.c) $(LOCKDOWN_SRC)
LOGREAD_SRC := $(addprefix runtime/log/,reader.c rotated.c)
IMAGE_RECORD_SRC := $(addprefix runtime/image/,record.c name.c lease.c folder.c)
IMAGE_SRC := $(addprefix runtime/image/,main.c bytes.c confine.c copy.c digest.c import.c layout.c meta.c oci.c path.c size.c \
	cdi.c count.c stack.c store.c stream.c tree.c tree_walk.c unpack.c) $(addprefix runtime/sys/,ns.c mount.c cred.c usage.c) $(LOCKDOWN_SRC)
CLI_SRC := $(addprefix runtime/cli/,age.c apply.c await.c container.c cri.c cri_act.c cri_call.c cri_call_verb.c cri_config.c \
	cri_containers.c cri_exec.c cri_image.c cri_images.c cri_info.c cri_pods.c cri_rpc.c cri_select.c cri_stats.c cri_status.c cri_text.c delete.c describe.c describe_ctr.c down.c \
	events.c exec.c foreground.c get.c image.c info.c jsonpath.c jsonpath_path.c label.c logs.c main.c manifests.c oci.c \
	options.c output.c pod_text.c probe.c request.c select.c start.c stats.c table.c target.c update.c usage.c wait.c watch.c yaml_out.c)
OCI_CONFIG_SRC := $(addprefix runtime/oci/,config.c config_devices.c config_linux.c config_mounts.c config_process.c config_resources.c config_user.c \
	read.c)
OCI_SRC := $(OCI_CONFIG_SRC) $(addprefix runtime/oci/,main.c act.c await.c \
	create.c exec.c features.c groups.c hooks.c launch.c options.c pause.c record.c run.c show.c signals.c start_socket.c \
	streams.c unit.c update.c)
PROBES_SRC := $(addprefix probes/,main.c once.c confine.c keeper.c wire.c attempt.c target.c tcp.c timers.c) $(LOCKDOWN_SRC)
PROBES_PURE_SRC := $(addprefix probes/,schedule.c url.c http.c http_request.c)

# ---- flags --------------------------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wvla -Wundef -Wcast-qual -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference \
	-Werror=format-security -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fPIE
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen,--as-needed
IS_GCC := $(shell $(CC) --version 2>/dev/null | grep -qi 'free software' && echo yes)
ifeq ($(IS_GCC),yes)
WARN += -Wtrampolines
HARDEN += -ftrivial-auto-var-init=zero
endif
ifdef SAN
# Sanitizers replace the hardening that would hide what they look for.
HARDEN := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
HARDEN_LD := -fsanitize=$(SAN) -pie
endif
ifdef WERROR
WARN += -Werror
endif
# Sanitizers name functions and lines; to optimise what they watch takes longer than it saves.
CFLAGS ?= $(if $(SAN),-O1 -g1,-O2 -g)
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DCARPEL_VERSION='"$(VERSION)"' $(CFLAGS) $(WARN) $(HARDEN) \
	-iquote runtime -iquote . -iquote $(GEN)
LIBS_JSON := $(shell $(PKG) --libs yajl 2>/dev/null || echo -lyajl)
LIBS_LOOP := -lev
LIBS_H2 := $(shell $(PKG) --libs libnghttp2 2>/dev/null || echo -lnghttp2)
LIBS_YAML := -lyaml
LIBS_SECCOMP := $(shell $(PKG) --libs libseccomp 2>/dev/null || echo -lseccomp)
LIBS_CAP := -lcap
LIBS_ARCHIVE := -larchive
LIBS_DIGEST := -lnettle
LIBS_PROTOBUF := $(shell $(PKG) --libs libprotobuf-c 2>/dev/null || echo -lprotobuf-c)

# ---- programs: sources and libraries, what each one is linked from --------------------------------------------------
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(1)))

PROGRAMS := carpel carpeld carpel-launch carpel-oci carpel-log carpel-image carpel-probe carpel-pause
carpel_SRC := $(CLI_SRC) $(YAML_SRC) $(CLIENT_SRC) $(MESSAGE_SRC) $(SPEC_SRC) $(BASE_SRC)
carpel_LIBS := $(LIBS_YAML) $(LIBS_H2) $(LIBS_JSON) $(LIBS_PROTOBUF) -lm
carpeld_SRC := $(DAEMON_SRC) $(CRI_SRC) $(SPEC_CRI_SRC) $(MESSAGE_SRC) $(ENGINE_SRC) $(API_SRC) $(POD_SRC) $(LOGREAD_SRC) $(IMAGE_RECORD_SRC) $(PLAN_SRC) $(PROBE_WIRE_SRC) \
	$(SPEC_SRC) $(SPAWN_SRC) $(CGROUP_SRC) $(addprefix runtime/sys/,netstat.c caps.c lsm.c mount.c ns.c seccomp.c starter.c) $(LOOP_SRC) $(BASE_SRC)
carpeld_LIBS := $(LIBS_H2) $(LIBS_JSON) $(LIBS_LOOP) $(LIBS_CAP) $(LIBS_PROTOBUF) -lm
carpel-launch_SRC := $(LAUNCH_SRC) $(SYS_SRC) $(addprefix runtime/sys/,hook.c spawn.c) $(PLAN_SRC) $(BASE_SRC)
carpel-launch_LIBS := $(LIBS_SECCOMP) $(LIBS_CAP) -lyajl_s
carpel-oci_SRC := $(OCI_SRC) $(PLAN_SRC) $(SPAWN_SRC) $(CGROUP_SRC) $(addprefix runtime/sys/,caps.c hook.c mount.c) $(BASE_SRC)
carpel-oci_LIBS := $(LIBS_CAP) $(LIBS_JSON) -lm
carpel-log_SRC := $(LOG_SRC) $(LOOP_SRC) $(filter-out %json.c %json_parse.c,$(BASE_SRC))
carpel-log_LIBS := $(LIBS_LOOP) $(LIBS_SECCOMP) $(LIBS_CAP)
carpel-image_SRC := $(IMAGE_SRC) $(IMAGE_RECORD_SRC) $(YAML_SRC) $(addprefix runtime/spec/,cdi.c cdi_fields.c cdi_read.c devices.c) $(BASE_SRC)
carpel-image_LIBS := $(LIBS_YAML) $(LIBS_ARCHIVE) $(LIBS_DIGEST) $(LIBS_SECCOMP) $(LIBS_CAP) $(LIBS_JSON) -lm
carpel-probe_SRC := $(PROBES_SRC) $(PROBES_PURE_SRC) $(PROBE_WIRE_SRC) runtime/spec/pod.c runtime/spec/devices.c runtime/spec/cdi.c $(LOOP_SRC) $(BASE_SRC)
carpel-probe_LIBS := $(LIBS_JSON) $(LIBS_LOOP) $(LIBS_SECCOMP) $(LIBS_CAP)

# `make V=1` shows the commands.
Q := $(if $(V),,@)
say = @mkdir -p $(@D)$(if $(V),,; printf '  %-5s %s\n' $(1) $(2))

BINS := $(addprefix $(BUILD)/bin/,$(PROGRAMS))
.PHONY: all
all: $(BINS) ## build every program into build/bin

# Rebuilt when the flags change, not only when the sources do.  BUILD by another name is no change.
FLAGS_STAMP := $(BUILD)/flags
FLAGS := $(subst $(GEN),gen,$(CC) $(ALL_CFLAGS) $(HARDEN_LD))
$(shell mkdir -p $(BUILD) && printf '%s\n' '$(subst ','\'',$(FLAGS))' > $(FLAGS_STAMP).new && \
	{ cmp -s $(FLAGS_STAMP).new $(FLAGS_STAMP) && rm $(FLAGS_STAMP).new || mv $(FLAGS_STAMP).new $(FLAGS_STAMP); })

# The contract of CRI, as C and as the bytes that server reflection gives.  Who includes it is known only after the first
# compilation, so every object waits for it.  The INIT macros drop a const in a way that our warnings (-Wcast-qual) let pass;
# enums are signed, as they are on the wire.
GENERATED_H := $(addprefix $(GEN)/spec/,cri.pb-c.h health.pb-c.h reflection.pb-c.h cri_protoset.h grpc_protoset.h)
$(GEN)/spec/%.pb-c.c $(GEN)/spec/%.pb-c.h: runtime/spec/%.proto
	$(call say,PROTO,$<)
	$(Q)protoc-c --proto_path=runtime --c_out=$(GEN) spec/$*.proto
	$(Q)sed -i -e 's/(char \*)protobuf_c_empty_string/(char *)(uintptr_t)protobuf_c_empty_string/g' \
		-e 's/PROTOBUF_C__FORCE_ENUM_TO_BE_INT_SIZE(\(\w*\))/, _\1_IS_INT_SIZE = -1/' $(GEN)/spec/$*.pb-c.h
.PRECIOUS: $(GEN)/spec/%.pb-c.c $(GEN)/spec/%.protoset
$(GEN)/spec/cri.protoset: runtime/spec/cri.proto
$(GEN)/spec/grpc.protoset: $(addprefix runtime/spec/,health.proto reflection.proto reflection_v1alpha.proto)
$(GEN)/spec/%.protoset:
	$(call say,PROTO,$@)
	$(Q)protoc --proto_path=runtime --include_imports --descriptor_set_out=$@ $(^:runtime/%=%)
$(GEN)/spec/%_protoset.h: $(GEN)/spec/%.protoset
	$(Q){ echo 'static const unsigned char $*_protoset[] = {'; od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo '};'; } >$@

$(BUILD)/obj/%.o: %.c $(FLAGS_STAMP) | $(GENERATED_H)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
# Not our code, so not our warnings.
$(BUILD)/obj/gen/%.o: $(GEN)/%.c $(FLAGS_STAMP)
	$(call say,CC,$<)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(CFLAGS) $(HARDEN) -iquote $(GEN) -w -MMD -MP -c -o $@ $<

define program_rule
$(BUILD)/bin/$(1): $$(call obj,$$($(1)_SRC))
	$$(call say,LINK,$$@)
	$$(Q)$(CC) $(CFLAGS) $(HARDEN_LD) -o $$@ $$^ $$($(1)_LIBS)
endef
$(foreach p,$(filter-out carpel-pause carpel-launch,$(PROGRAMS)),$(eval $(call program_rule,$(p))))

# Static: it runs inside foreign mount namespaces, where no library of ours exists.  Sanitizers cannot be static.
$(BUILD)/bin/carpel-launch: $(call obj,$(carpel-launch_SRC) $(if $(SAN),tests/san/no_leaks.c))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(if $(SAN),$(HARDEN_LD),-static-pie -Wl,-z,relro,-z,now,-z,noexecstack) -o $@ $^ $(carpel-launch_LIBS)

# No libc at all: its pages would be most of what a pod costs.  Hence no stack protector either (no TLS to hold it).
$(BUILD)/bin/carpel-pause: pause/pause.c $(FLAGS_STAMP)
	$(call say,CC,$@)
	$(Q)$(CC) -std=c17 -Os -g0 $(WARN) -ffreestanding -nostdlib -static -fno-pie -fno-stack-protector -fcf-protection=none \
		-fno-asynchronous-unwind-tables -Wl,-z,noseparate-code,-z,max-page-size=4096,-z,noexecstack,--build-id=none,-s \
		-o $@ $<

# ---- tests --------------------------------------------------------------------------------------------------------
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
# A test links its layer and those below, so a call upwards does not link.
UNIT_BASE := $(BASE_SRC)
UNIT_SPEC := $(SPEC_SRC) $(PLAN_SRC) $(PROBE_WIRE_SRC) $(BASE_SRC)
UNIT_CRI := $(SPEC_CRI_SRC) $(MESSAGE_SRC) $(UNIT_SPEC)
UNIT_POD := $(POD_SRC) $(CGROUP_SRC) runtime/sys/caps.c $(IMAGE_RECORD_SRC) $(UNIT_SPEC)
unit_layer_base := base aged base64 clock fd fd_tree fd_walk json json_tree
unit_layer_spec := names cdi quantity selector pod_spec qos manifest manifest_rules manifest_container manifest_honour manifest_build admit quantity_text plan plan_container plan_hook plan_map plan_volume plan_write probe_wire
unit_layer_cri := cri_bounds cri_sandbox cri_security cri_container cri_mounts cri_resources
unit_layer_pod := event_fold lifecycle lifecycle_probe lifecycle_resize lifecycle_stop backoff status state_json store object record layout env etc \
	resources volume sandbox container container_mounts container_cri container_devices disk fdstore users container_lsm
unit_SRC = $(if $(filter $(1),$(unit_layer_base)),$(UNIT_BASE),$(if $(filter $(1),$(unit_layer_spec)),$(UNIT_SPEC),$(if \
	$(filter $(1),$(unit_layer_pod)),$(UNIT_POD),$(if $(filter $(1),$(unit_layer_cri)),$(UNIT_CRI),$(unit_$(1)_SRC)))))
unit_message_SRC := $(MESSAGE_SRC) $(BASE_SRC)
unit_message_json_SRC := $(MESSAGE_SRC) $(BASE_SRC)
unit_message_json_all_SRC := $(MESSAGE_SRC) $(BASE_SRC)
unit_message_json_refused_SRC := $(MESSAGE_SRC) $(BASE_SRC)
unit_schedule_SRC := probes/schedule.c probes/timers.c $(LOOP_SRC) $(BASE_SRC)
unit_http_SRC := $(PROBES_PURE_SRC) $(BASE_SRC)
unit_url_SRC := probes/url.c $(BASE_SRC)
unit_log_format_SRC := runtime/log/format.c $(BASE_SRC)
unit_log_reader_SRC := $(LOGREAD_SRC) $(BASE_SRC)
unit_log_rotated_SRC := runtime/log/rotated.c $(BASE_SRC)
unit_image_record_SRC := $(IMAGE_RECORD_SRC) $(BASE_SRC)
unit_image_oci_SRC := runtime/image/oci.c $(IMAGE_RECORD_SRC) $(BASE_SRC)
unit_image_lease_SRC := $(IMAGE_RECORD_SRC) $(BASE_SRC)
unit_image_path_SRC := runtime/image/path.c $(BASE_SRC)
unit_ws_SRC := runtime/api/ws.c $(BASE_SRC)
unit_h2_SRC := $(H2_SRC) $(LOOP_SRC) $(BASE_SRC)
unit_h2_LIBS := $(LIBS_H2)
unit_h2_frames_SRC := runtime/api/h2_frames.c $(BASE_SRC)
unit_h2_hold_SRC := $(unit_h2_SRC)
unit_h2_hold_LIBS := $(LIBS_H2)
unit_grpc_text_SRC := runtime/api/grpc_text.c $(BASE_SRC)
unit_grpc_wire_SRC := runtime/api/grpc_wire.c gen/spec/cri.pb-c.c $(BASE_SRC)
unit_client_grpc_SRC := $(CLIENT_SRC) $(BASE_SRC)
unit_client_grpc_LIBS := $(LIBS_H2)
unit_query_SRC := runtime/api/query.c $(BASE_SRC)
unit_list_token_SRC := runtime/api/list_token.c $(BASE_SRC)
unit_pretty_SRC := runtime/api/pretty.c $(BASE_SRC)
unit_yaml_SRC := $(YAML_SRC) runtime/cli/yaml_out.c $(BASE_SRC)
unit_yaml_LIBS := -lm
unit_jsonpath_SRC := $(addprefix runtime/cli/,jsonpath.c jsonpath_path.c) $(BASE_SRC)
unit_table_SRC := $(addprefix runtime/cli/,table.c age.c pod_text.c) $(BASE_SRC)
unit_usage_SRC := $(STATS_SRC) $(BASE_SRC)
unit_netstat_SRC := $(STATS_SRC) $(BASE_SRC)
unit_cgroup_SRC := $(CGROUP_SRC) $(BASE_SRC)
unit_systemd_SRC := $(CGROUP_SRC) $(BASE_SRC)
unit_cgroup_limits_SRC := $(CGROUP_SRC) $(BASE_SRC)
unit_cgroup_stats_SRC := $(CGROUP_SRC) $(BASE_SRC)
unit_lsm_SRC := runtime/sys/lsm.c $(BASE_SRC)
unit_user_SRC := runtime/launch/user.c $(BASE_SRC)
unit_seccomp_json_SRC := runtime/launch/profile_json.c $(addprefix runtime/sys/,seccomp_bpf.c seccomp_rules.c caps.c) $(BASE_SRC)
unit_seccomp_json_LIBS := $(LIBS_SECCOMP)
unit_mountinfo_SRC := runtime/sys/mountinfo.c $(BASE_SRC)
unit_device_rules_SRC := runtime/sys/device_rules.c $(BASE_SRC)
unit_launch_report_SRC := runtime/launch/report.c $(BASE_SRC)
unit_oci_config_SRC := $(OCI_CONFIG_SRC) $(PLAN_SRC) $(CGROUP_SRC) runtime/sys/caps.c $(BASE_SRC)
unit_oci_config_refused_SRC := $(unit_oci_config_SRC)
unit_options_SRC := runtime/cli/options.c $(BASE_SRC)
unit_manifests_SRC := $(addprefix runtime/cli/,manifests.c target.c) $(YAML_SRC) runtime/spec/names.c $(BASE_SRC)
unit_manifests_LIBS := -lm
unit_cri_cli_text_SRC := $(addprefix runtime/cli/,cri_text.c table.c) $(BASE_SRC)
unit_cri_cli_select_SRC := $(addprefix runtime/cli/,cri_select.c cri_text.c table.c) $(BASE_SRC)
unit_cli_usage_SRC := runtime/cli/usage.c $(BASE_SRC)
unit_confine_SRC := runtime/daemon/confine.c runtime/sys/seccomp.c $(BASE_SRC)
unit_starter_SRC := runtime/sys/starter.c $(SPAWN_SRC) $(BASE_SRC)
unit_describe_SRC := $(addprefix runtime/cli/,describe_ctr.c pod_text.c age.c table.c) $(BASE_SRC)

# The image of all tests, see its head: static, since an image holds nothing else, and without sanitizers.
$(BUILD)/bin/test/guest: $(addprefix tests/bin/,guest.c guest_look.c guest_try.c guest_calls.c guest_act.c guest_attack.c guest.h) $(FLAGS_STAMP)
	$(call say,LINK,$@)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -O2 -g0 $(WARN) -static -s -o $@ $(filter %.c,$^)

define unit_rule
$(BUILD)/unit/test_$(1): $(BUILD)/obj/tests/unit/test_$(1).o $$(call obj,$$(call unit_SRC,$(1)))
	$$(call say,LINK,$$@)
	$$(Q)$(CC) $(CFLAGS) $(HARDEN_LD) -o $$@ $$^ $(unit_$(1)_LIBS) -lcmocka $(LIBS_JSON) $(LIBS_YAML) $(LIBS_LOOP) $(LIBS_CAP) \
		$(LIBS_PROTOBUF) -lm
endef
$(foreach t,$(patsubst tests/unit/test_%.c,%,$(UNIT_SRC)),$(eval $(call unit_rule,$(t))))

$(BUILD)/sim/sim_pods: $(call obj,tests/sim/sim_pods.c tests/sim/sim_env.c $(UNIT_POD))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN_LD) -o $@ $^ $(LIBS_JSON) $(LIBS_CAP) -lm

# The bare system calls of a pod, an exec, a probe: what `make bench` measures beside carpel.  Static, as carpel-launch is.
floor_SRC := $(addprefix tests/bench/,floor.c floor_box.c floor_cgroup.c floor_mount.c) $(addprefix runtime/sys/,seccomp_bpf.c seccomp_profile.c caps.c) \
	$(filter-out %json.c %json_parse.c,$(BASE_SRC))
$(BUILD)/bench/floor: $(call obj,$(floor_SRC))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(if $(SAN),$(HARDEN_LD),-static-pie) -o $@ $^ $(LIBS_SECCOMP) $(LIBS_CAP)

# A client that stays, so that no program's start is measured with carpeld's work.
bench_client_SRC := tests/bench/client.c $(CLIENT_SRC) $(BASE_SRC)
$(BUILD)/bench/bench_client: $(call obj,$(bench_client_SRC))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN_LD) -o $@ $^ $(LIBS_H2) $(LIBS_JSON) $(LIBS_PROTOBUF)

bench_cri_SRC := tests/bench/cri_client.c $(CLIENT_SRC) $(MESSAGE_SRC) $(BASE_SRC)
$(BUILD)/bench/bench_cri: $(call obj,$(bench_cri_SRC))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN_LD) -o $@ $^ $(LIBS_H2) $(LIBS_JSON) $(LIBS_PROTOBUF)

# The API's server with a fake backend, and a driver of its client: the API from outside, without root or containers.
FAKE_SRC := tests/bin/fake_backend.c tests/bin/fake_exec.c $(API_SRC) runtime/pod/store.c runtime/pod/object.c \
	$(LOGREAD_SRC) $(SPEC_SRC) $(LOOP_SRC) $(BASE_SRC)
apiserver_SRC := tests/bin/apiserver.c $(FAKE_SRC)
apiserver_LIBS := $(LIBS_H2) $(LIBS_JSON) $(LIBS_LOOP) $(LIBS_PROTOBUF) -lm
apiclient_SRC := tests/bin/apiclient.c $(CLIENT_SRC) $(BASE_SRC)
apiclient_LIBS := $(LIBS_H2) $(LIBS_JSON) $(LIBS_PROTOBUF)
grpcserver_SRC := tests/bin/grpcserver.c tests/bin/fake_grpc.c gen/spec/cri.pb-c.c $(FAKE_SRC)
grpcserver_LIBS := $(apiserver_LIBS)
cgroup_SRC := tests/bin/cgroup.c $(CGROUP_SRC) $(BASE_SRC)
cgroup_LIBS := $(LIBS_JSON) -lm
deny_SRC := tests/bin/deny.c
deny_LIBS := $(LIBS_SECCOMP)
TEST_BINS := $(addprefix $(BUILD)/bin/test/,apiserver apiclient grpcserver cgroup deny guest)

define test_bin_rule
$(BUILD)/bin/test/$(1): $$(call obj,$$($(1)_SRC))
	$$(call say,LINK,$$@)
	$$(Q)$(CC) $(CFLAGS) $(HARDEN_LD) -o $$@ $$^ $$($(1)_LIBS)
endef
$(foreach p,$(filter-out guest,$(notdir $(TEST_BINS))),$(eval $(call test_bin_rule,$(p))))

# ---- fuzzing ------------------------------------------------------------------------------------------------------
# Each tests/fuzz/fuzz_NAME.c is linked with what it parses by, and begins with tests/fuzz/corpus/NAME.
fuzz_http_answer_SRC := $(PROBES_PURE_SRC) $(BASE_SRC)
fuzz_image_SRC := runtime/image/oci.c $(IMAGE_RECORD_SRC) $(BASE_SRC)
fuzz_log_reader_SRC := $(LOGREAD_SRC) $(BASE_SRC)
fuzz_request_SRC := tests/fuzz/h2_peer.c $(FAKE_SRC)
fuzz_grpc_request_SRC := tests/fuzz/h2_peer.c tests/bin/fake_grpc.c gen/spec/cri.pb-c.c $(FAKE_SRC)
fuzz_yaml_SRC := $(YAML_SRC) runtime/cli/yaml_out.c $(BASE_SRC)
fuzz_cdi_SRC := $(YAML_SRC) $(addprefix runtime/spec/,cdi.c cdi_fields.c cdi_read.c devices.c) $(BASE_SRC)
fuzz_manifest_SRC := $(SPEC_SRC) $(BASE_SRC)
fuzz_message_json_SRC := $(MESSAGE_SRC) $(BASE_SRC)
fuzz_cri_SRC := runtime/api/grpc_wire.c $(UNIT_CRI)
fuzz_cri_message_SRC := runtime/api/grpc_wire.c $(MESSAGE_SRC) $(BASE_SRC)
fuzz_oci_config_SRC := $(unit_oci_config_SRC)
fuzz_plan_SRC := $(PLAN_SRC) $(BASE_SRC)
fuzz_seccomp_json_SRC := runtime/launch/profile_json.c $(addprefix runtime/sys/,seccomp_bpf.c seccomp_rules.c caps.c) $(BASE_SRC)
fuzz_selector_SRC := $(addprefix runtime/spec/,selector.c selector_labels.c names.c pod.c devices.c cdi.c) $(BASE_SRC)
fuzz_user_SRC := runtime/launch/user.c $(BASE_SRC)

FUZZ ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS := $(addprefix $(BUILD)/fuzz/fuzz_,$(FUZZ))
FUZZ_CFLAGS = -std=c17 -D_GNU_SOURCE -DCARPEL_VERSION='"$(VERSION)"' -O1 -g -fno-omit-frame-pointer \
	-fno-sanitize-recover=all -iquote runtime -iquote . -iquote $(GEN)

$(BUILD)/fuzz/obj/%.o: %.c | $(GENERATED_H)
	$(call say,FUZZ,$<)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/obj/gen/%.o: $(GEN)/%.c
	$(call say,FUZZ,$<)
	$(Q)clang $(FUZZ_CFLAGS) -w -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

define fuzz_rule
$(BUILD)/fuzz/fuzz_$(1): $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(sort tests/fuzz/fuzz_$(1).c $(fuzz_$(1)_SRC)))
	$$(call say,LINK,$$@)
	$$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -o $$@ $$^ -Wl,--as-needed \
		$(LIBS_JSON) $(LIBS_YAML) $(LIBS_H2) $(LIBS_LOOP) $(LIBS_PROTOBUF) $(LIBS_SECCOMP) $(LIBS_CAP) -lm
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_rule,$(f))))

# ---- running the tests --------------------------------------------------------------------------------------------
# Every stage writes TAP, which tally.sh shows in short, counts, and judges.
JOBS ?= $(shell nproc)
# Two suites a CPU and one more: a test waits for something three quarters of its time.
BATS_JOBS ?= $(shell expr $(JOBS) \* 2 + 1)
TALLY ?= $(BUILD)/tally
STAGE :=
tally = contrib/tools/tally.sh $(STAGE)$(1) $(TALLY)
# The commands of the tests' servers and clients are Debian's, since python3-h2 is; found first, since a wrapper (pyenv's)
# takes ten times as long to start one as Python does.
export PYTHON ?= /usr/bin/python3
export CARPEL_BIN = $(abspath $(BUILD))/bin
export UBSAN_OPTIONS = print_stacktrace=1
# Of what only makes load (floods, many pods) sanitizers get a part: it is the same code, a hundred times slower to watch.
export LOAD_PERCENT ?= $(if $(SAN),25,100)
# What should come at once is waited for so many times as long: see tests/bats/lib/carpel.bash.
export WAIT_FACTOR ?= $(if $(SAN),3,1)
# A hung test is ended, not waited for.
export BATS_TEST_TIMEOUT ?= 400
# These take longest, so they begin first, and none is left alone at the end.
BATS_SLOW := scale cri_cli cri_crash cri_calls log image log_rotate security_policy probes launch_cri cdi launch
BATS ?= $(BATS_SLOW:%=tests/bats/%.bats) $(filter-out $(BATS_SLOW:%=tests/bats/%.bats),$(sort $(wildcard tests/bats/*.bats)))
# Several suites run side by side, each one's tests in turn: within a suite bats looks once a second whether one has ended.
BATS_PARALLEL = -j $(BATS_JOBS) $(if $(word 2,$(BATS)),--no-parallelize-within-files)
VM ?= tests/vm/selection
SIM_STEPS ?= 1000000
SIM_SEED ?= $(shell date +%s)

.PHONY: check check-stages check-unit check-sim check-root check-deny check-vm check-san fuzz bench conformance
check-unit: $(UNIT_BINS) ## the pure parts, by cmocka: no root, about a second
	@contrib/tools/run-unit.sh $(UNIT_BINS) | $(call tally,unit)

check-sim: $(BUILD)/sim/sim_pods ## random histories of pods against what must always hold (SIM_STEPS=N SIM_SEED=N)
	@contrib/tools/run-sim.sh $< $(SIM_SEED) $(SIM_STEPS) | $(call tally,sim)

check-root: all $(TEST_BINS) ## what a user sees, by bats, as root (BATS=FILE… BATS_FLAGS='-f REGEX')
	@[ "$$(id -u)" = 0 ] || { echo 'check-root: the tests of the whole need root' >&2; exit 1; }
	@PATH=$(dir $(PYTHON)):$$PATH bats --formatter tap --print-output-on-failure $(BATS_PARALLEL) $(BATS_FLAGS) $(BATS) | $(call tally,root)

check-deny: all $(TEST_BINS) ## the suites of launching without openat2, clone3, … one at a time: right, or refused by name (CALL=NAME)
	@tests/deny/run.sh $(BUILD) $(CALL) | $(call tally,deny)

check-vm: all $(TEST_BINS) ## the same on pure cgroup v2, Linux 6.1 and systemd, in an emulated machine (VM=FILE, see tests/vm/selection)
	@contrib/tools/deps.sh vm
	@tests/vm/run.sh $(BUILD) $(VM) | $(call tally,vm)

fuzz: $(FUZZ_BINS) ## each parser on hostile input, two at a time (T=seconds each, FUZZ=NAME…)
	@{ echo 1..$(words $(FUZZ)); printf '%s\n' $(FUZZ) | xargs -P 2 -I NAME contrib/tools/run-fuzz.sh \
		$(BUILD)/fuzz/fuzz_NAME $(or $(T),60) tests/fuzz/corpus/NAME $(BUILD)/fuzz; } | $(call tally,fuzz)

check-san: ## unit, simulation and root tests once more, under ASan and UBSan
	+@$(submake) -k SAN=address,undefined BUILD=$(BUILD)-san TALLY=$(TALLY) STAGE=san- check-unit
	+@$(submake) -k SAN=address,undefined BUILD=$(BUILD)-san TALLY=$(TALLY) STAGE=san- check-sim
	+@$(submake) -k SAN=address,undefined BUILD=$(BUILD)-san TALLY=$(TALLY) STAGE=san- check-root

# Compiles in parallel, whatever the caller said; a stage's tests run only after its build.  Its
# lines begin with +, or a caller's -j would reach it without the jobs to go with it.
submake = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
CHECK_STAGES := check-unit check-sim check-root fuzz check-san

# A stage that fails does not keep the others from running: the last line speaks of all.
check: check-stages ## install what tests need, run all tests in order (T=5 seconds of fuzzing each), add up
	@contrib/tools/tally.sh --sum $(TALLY) unit sim root fuzz san-unit san-sim san-root
check-stages:
	@contrib/tools/deps.sh build test
	@rm -rf $(TALLY)
	+@for stage in $(CHECK_STAGES); do echo "== $$stage"; $(submake) T=$(or $(T),5) $$stage || :; done

bench: all $(addprefix $(BUILD)/bench/,floor bench_client bench_cri) ## measure beside the bare system-call floor and other runtimes; writes a table and JSON
	@contrib/tools/deps.sh bench
	tests/bench/bench $(BUILD)

conformance: all ## crictl, critest and a kubelet on carpeld; built from Go's module proxy, skipped where that is not there
	@contrib/tools/deps.sh build test
	@tests/conformance/run.sh $(BUILD) | STRICT=0 $(call tally,conformance) # tests/conformance/not-yet is as strict

# ---- lint ---------------------------------------------------------------------------------------------------------
LINT_CFLAGS := -std=c17 -D_GNU_SOURCE -DCARPEL_VERSION='"$(VERSION)"' -O2 -Wall -Wextra \
	-iquote runtime -iquote . -iquote $(GEN)
LINT_C := $(sort $(shell find runtime probes pause tests -name '*.c'))
LINT_CH := $(LINT_C) $(sort $(shell find runtime probes pause tests -name '*.h'))
LINT_SHELL := $(sort $(shell find contrib tests -name '*.sh' -o -name '*.bash' -o -name '*.bats') $(wildcard .ci/run))
LINT_PYTHON := $(sort $(shell find contrib tests -name '*.py'))
MAN_PAGES := $(sort $(shell find runtime probes pause -name '*.[1-8]'))
LINTS := lint-format lint-size lint-layers lint-headers lint-shell lint-man lint-python lint-cppcheck lint-analyzer lint-tidy

.PHONY: lint $(LINTS)
lint: ## formatters, analyzers and rules; a finding is an error
	@contrib/tools/deps.sh build lint
	+@$(submake) -k $(LINTS)
	@echo 'lint: clean'

lint-format:
	@clang-format --dry-run --Werror $(LINT_CH)
lint-size:
	@awk 'FNR == 501 { print FILENAME ": more than 500 lines"; long = 1 } END { exit long }' $(LINT_CH)
lint-layers:
	@contrib/tools/check-layers.py --test
	@contrib/tools/check-layers.py
lint-headers: $(GENERATED_H)
	@contrib/tools/check-headers.sh gcc $(LINT_CFLAGS) -Werror
lint-shell:
	@shellcheck $(filter-out %.bats,$(LINT_SHELL))
	@shellcheck -e SC2034 $(filter %.bats,$(LINT_SHELL)) # what a test sets for tests/bats/lib is used there
lint-man:
	@mandoc -T lint -W warning $(MAN_PAGES)
lint-python:
	@PYTHONPYCACHEPREFIX=$(abspath $(BUILD))/lint/python python3 -W error -m py_compile $(LINT_PYTHON)
lint-cppcheck: $(GENERATED_H)
	@mkdir -p $(BUILD)/lint/cppcheck
	@cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --cppcheck-build-dir=$(BUILD)/lint/cppcheck -j $(JOBS) \
		--enable=warning,portability --suppressions-list=contrib/tools/cppcheck.suppress -D_GNU_SOURCE -D__x86_64__ \
		-DCARPEL_VERSION='"$(VERSION)"' --suppress='*:$(GEN)/*' -I runtime -I . -I $(GEN) $(LINT_C)

# gcc 12 sees null arguments on paths that cannot be, and no array that a loop fills; clang's analyzer looks for the
# same with fewer mistakes.
ANALYZER_FLAGS := -Wno-analyzer-null-argument -Wno-analyzer-use-of-uninitialized-value

# One file at a time, and again only when it or a header of its changed.
$(BUILD)/lint/%.analyzed: %.c | $(GENERATED_H)
	$(call say,ANALYZE,$<)
	$(Q)gcc $(LINT_CFLAGS) -Werror -fanalyzer $(ANALYZER_FLAGS) -MMD -MP -MT $@ -MF $(@:.analyzed=.d) -c -o /dev/null $<
	$(Q)touch $@
$(BUILD)/lint/%.tidy: $(BUILD)/lint/%.analyzed .clang-tidy
	$(call say,TIDY,$*.c)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $*.c -- $(LINT_CFLAGS) 2>$@.log || { cat $@.log >&2; exit 1; }
	$(Q)touch $@
lint-analyzer: $(LINT_C:%.c=$(BUILD)/lint/%.analyzed)
lint-tidy: $(LINT_C:%.c=$(BUILD)/lint/%.tidy)

# ---- installing ---------------------------------------------------------------------------------------------------
bindir := $(PREFIX)/bin
# carpel looks for its siblings here; who wants one by hand gives the path.
libexecdir := $(PREFIX)/libexec/carpel
mandir := $(PREFIX)/share/man
completiondir := $(PREFIX)/share/bash-completion/completions
unitdir := $(PREFIX)/lib/systemd/system
UNITS := carpeld.service carpeld.socket
# Where the distribution's service looks for all profiles, whatever PREFIX is.
apparmordir := /etc/apparmor.d
INSTALLED = $(bindir)/carpel $(addprefix $(libexecdir)/,$(filter-out carpel,$(PROGRAMS))) \
	$(foreach m,$(MAN_PAGES),$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
	$(completiondir)/carpel $(addprefix $(unitdir)/,$(UNITS)) $(apparmordir)/carpel-default

.PHONY: install uninstall demo help clean
install: all ## programs, manual pages, completion, systemd units, AppArmor profile (PREFIX=/usr/local DESTDIR=)
	install -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED))))
	install -m 755 $(BUILD)/bin/carpel $(DESTDIR)$(bindir)/carpel
	install -m 755 $(filter-out %/carpel,$(BINS)) $(DESTDIR)$(libexecdir)
	for page in $(MAN_PAGES); do install -m 644 $$page $(DESTDIR)$(mandir)/man$${page##*.}/ || exit 1; done
	install -m 644 contrib/completions/carpel.bash $(DESTDIR)$(completiondir)/carpel
	install -m 644 contrib/apparmor/carpel-default $(DESTDIR)$(apparmordir)/carpel-default
	for unit in $(UNITS); do sed 's|@libexecdir@|$(libexecdir)|' contrib/systemd/$$unit \
		>$(DESTDIR)$(unitdir)/$$unit && chmod 644 $(DESTDIR)$(unitdir)/$$unit || exit 1; done

uninstall: ## what install put there; images, logs and pods stay
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(libexecdir)

demo: ## install what is missing, build, and show a pod's life in half a minute (as root)
	@contrib/tools/deps.sh build demo
	+@$(submake) all
	@contrib/examples/demo.sh $(BUILD)/bin

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16
clean: ## remove what was built
	rm -rf build build-san build-clang
