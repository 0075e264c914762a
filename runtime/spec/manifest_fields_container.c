/* The types of a container, see manifest_fields.h. */
#include "base/cleanup.h"
#include "spec/manifest_fields.h"

#define TYPE(name, rows)                                                                           \
	{                                                                                          \
		name, rows, ARRAY_LEN(rows)                                                        \
	}

static const struct field container[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "image", "string", HONOURED, NULL },
	{ "command", "[]string", HONOURED, NULL },
	{ "args", "[]string", HONOURED, NULL },
	{ "workingDir", "string", HONOURED, NULL },
	{ "ports", "[]v1.ContainerPort", HONOURED, NULL },
	{ "envFrom", "[]v1.EnvFromSource", LATER, NULL },
	{ "env", "[]v1.EnvVar", HONOURED, NULL },
	{ "resources", "v1.ResourceRequirements", WRITTEN, NULL },
	{ "resizePolicy", "[]v1.ContainerResizePolicy", HONOURED, NULL },
	{ "restartPolicy", "*v1.ContainerRestartPolicy", LATER, NULL },
	{ "restartPolicyRules", "[]v1.ContainerRestartRule", LATER, NULL },
	{ "volumeMounts", "[]v1.VolumeMount", HONOURED, NULL },
	{ "volumeDevices", "[]v1.VolumeDevice", LATER, NULL },
	{ "livenessProbe", "*v1.Probe", HONOURED, NULL },
	{ "readinessProbe", "*v1.Probe", HONOURED, NULL },
	{ "startupProbe", "*v1.Probe", HONOURED, NULL },
	{ "lifecycle", "*v1.Lifecycle", .only = "{}" }, /**/
	{ "terminationMessagePath", "string", HONOURED, NULL },
	{ "terminationMessagePolicy", "v1.TerminationMessagePolicy", HONOURED, NULL },
	{ "imagePullPolicy", "v1.PullPolicy", HONOURED, NULL },
	{ "securityContext", "*v1.SecurityContext", HONOURED, NULL },
	{ "stdin", "bool", HONOURED, NULL },
	{ "stdinOnce", "bool", HONOURED, NULL },
	{ "tty", "bool", HONOURED, NULL },
};

/* A container's fields and one more; refused as a whole, so only the names count. */
static const struct field ephemeral_container[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "image", "string", HONOURED, NULL },
	{ "command", "[]string", HONOURED, NULL },
	{ "args", "[]string", HONOURED, NULL },
	{ "workingDir", "string", HONOURED, NULL },
	{ "ports", "[]v1.ContainerPort", HONOURED, NULL },
	{ "envFrom", "[]v1.EnvFromSource", HONOURED, NULL },
	{ "env", "[]v1.EnvVar", HONOURED, NULL },
	{ "resources", "v1.ResourceRequirements", WRITTEN, NULL },
	{ "resizePolicy", "[]v1.ContainerResizePolicy", HONOURED, NULL },
	{ "restartPolicy", "*v1.ContainerRestartPolicy", HONOURED, NULL },
	{ "restartPolicyRules", "[]v1.ContainerRestartRule", HONOURED, NULL },
	{ "volumeMounts", "[]v1.VolumeMount", HONOURED, NULL },
	{ "volumeDevices", "[]v1.VolumeDevice", HONOURED, NULL },
	{ "livenessProbe", "*v1.Probe", HONOURED, NULL },
	{ "readinessProbe", "*v1.Probe", HONOURED, NULL },
	{ "startupProbe", "*v1.Probe", HONOURED, NULL },
	{ "lifecycle", "*v1.Lifecycle", HONOURED, NULL },
	{ "terminationMessagePath", "string", HONOURED, NULL },
	{ "terminationMessagePolicy", "v1.TerminationMessagePolicy", HONOURED, NULL },
	{ "imagePullPolicy", "v1.PullPolicy", HONOURED, NULL },
	{ "securityContext", "*v1.SecurityContext", HONOURED, NULL },
	{ "stdin", "bool", HONOURED, NULL },
	{ "stdinOnce", "bool", HONOURED, NULL },
	{ "tty", "bool", HONOURED, NULL },
	{ "targetContainerName", "string", HONOURED, NULL },
};

static const struct field container_port[] = {
	{ "name", "string", HONOURED, NULL },
	{ "hostPort", "int32", HONOURED, NULL }, /* see validate_host_ports() */
	{ "containerPort", "int32", WRITTEN, NULL },
	{ "protocol", "v1.Protocol", HONOURED, NULL },
	{ "hostIP", "string", HONOURED, NULL },
};

static const struct field env_from_source[] = {
	{ "prefix", "string", HONOURED, NULL },
	{ "configMapRef", "*v1.ConfigMapEnvSource", HONOURED, NULL },
	{ "secretRef", "*v1.SecretEnvSource", HONOURED, NULL },
};

static const struct field env_reference[] = {
	{ "name", "string", HONOURED, NULL },
	{ "optional", "*bool", HONOURED, NULL },
};

static const struct field env_var[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "value", "string", HONOURED, NULL },
	{ "valueFrom", "*v1.EnvVarSource", HONOURED, NULL },
};

static const struct field env_var_source[] = {
	{ "fieldRef", "*v1.ObjectFieldSelector", HONOURED, NULL },
	{ "resourceFieldRef", "*v1.ResourceFieldSelector", HONOURED, NULL },
	{ "configMapKeyRef", "*v1.ConfigMapKeySelector", LATER, NULL },
	{ "secretKeyRef", "*v1.SecretKeySelector", LATER, NULL },
	{ "fileKeyRef", "*v1.FileKeySelector", LATER, NULL },
};

static const struct field object_field_selector[] = {
	{ "apiVersion", "string", HONOURED, NULL },
	{ "fieldPath", "string", WRITTEN, NULL },
};

static const struct field resource_field_selector[] = {
	{ "containerName", "string", HONOURED, NULL },
	{ "resource", "string", WRITTEN, NULL },
	{ "divisor", "resource.Quantity", WRITTEN, NULL },
};

static const struct field key_selector[] = {
	{ "name", "string", HONOURED, NULL },
	{ "key", "string", WRITTEN, NULL },
	{ "optional", "*bool", HONOURED, NULL },
};

static const struct field file_key_selector[] = {
	{ "volumeName", "string", WRITTEN, NULL },
	{ "path", "string", WRITTEN, NULL },
	{ "key", "string", WRITTEN, NULL },
	{ "optional", "*bool", HONOURED, NULL },
};

static const struct field resource_requirements[] = {
	{ "limits", "v1.ResourceList", HONOURED, NULL }, /* see honour.c for its keys */
	{ "requests", "v1.ResourceList", HONOURED, NULL },
	{ "claims", "[]v1.ResourceClaim", LATER, NULL },
};

static const struct field resource_claim[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "request", "string", HONOURED, NULL },
};

static const struct field resize_policy[] = {
	{ "resourceName", "v1.ResourceName", WRITTEN, NULL },
	{ "restartPolicy", "v1.ResourceResizeRestartPolicy", WRITTEN, NULL },
};

static const struct field restart_rule[] = {
	{ "action", "v1.ContainerRestartRuleAction", HONOURED, NULL },
	{ "exitCodes", "*v1.ContainerRestartRuleOnExitCodes", HONOURED, NULL },
};

static const struct field restart_rule_exit_codes[] = {
	{ "operator", "v1.ContainerRestartRuleOnExitCodesOperator", WRITTEN, NULL },
	{ "values", "[]int32", HONOURED, NULL },
};

static const struct field volume_mount[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "readOnly", "bool", HONOURED, NULL },
	{ "recursiveReadOnly", "*v1.RecursiveReadOnlyMode", HONOURED, "\"Disabled\"" },
	{ "mountPath", "string", WRITTEN, NULL },
	{ "subPath", "string", HONOURED, NULL },
	{ "mountPropagation", "*v1.MountPropagationMode", HONOURED, "\"None\"" },
	{ "subPathExpr", "string", LATER, NULL },
	{ "bindMountOptions", "[]string", LATER, NULL },
};

static const struct field volume_device[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "devicePath", "string", WRITTEN, NULL },
};

static const struct field probe[] = {
	{ "exec", "*v1.ExecAction", HONOURED, NULL },
	{ "httpGet", "*v1.HTTPGetAction", HONOURED, NULL },
	{ "tcpSocket", "*v1.TCPSocketAction", HONOURED, NULL },
	{ "grpc", "*v1.GRPCAction", LATER, NULL },
	{ "initialDelaySeconds", "int32", HONOURED, NULL },
	{ "timeoutSeconds", "int32", HONOURED, NULL },
	{ "periodSeconds", "int32", HONOURED, NULL },
	{ "successThreshold", "int32", HONOURED, NULL },
	{ "failureThreshold", "int32", HONOURED, NULL },
	{ "terminationGracePeriodSeconds", "*int64", HONOURED, NULL },
};

static const struct field exec_action[] = {
	{ "command", "[]string", HONOURED, NULL },
};

static const struct field http_get_action[] = {
	{ "path", "string", HONOURED, NULL },
	{ "port", "intstr.IntOrString", WRITTEN, NULL },
	{ "host", "string", HONOURED, NULL },
	{ "scheme", "v1.URIScheme", HONOURED, "\"HTTP\"" },
	{ "httpHeaders", "[]v1.HTTPHeader", HONOURED, NULL },
	{ "protocol", "*v1.HTTPProtocol", HONOURED, "\"HTTP1\"" },
};

static const struct field http_header[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "value", "string", WRITTEN, NULL },
};

static const struct field tcp_socket_action[] = {
	{ "port", "intstr.IntOrString", WRITTEN, NULL },
	{ "host", "string", HONOURED, NULL },
};

static const struct field grpc_action[] = {
	{ "port", "int32", WRITTEN, NULL },
	{ "service", "*string", HONOURED, NULL },
	{ "mode", "*v1.GRPCProbeMode", HONOURED, NULL },
};

static const struct field lifecycle[] = {
	{ "postStart", "*v1.LifecycleHandler", HONOURED, NULL },
	{ "preStop", "*v1.LifecycleHandler", HONOURED, NULL },
	{ "stopSignal", "*v1.Signal", HONOURED, NULL },
};

static const struct field lifecycle_handler[] = {
	{ "exec", "*v1.ExecAction", HONOURED, NULL },
	{ "httpGet", "*v1.HTTPGetAction", HONOURED, NULL },
	{ "tcpSocket", "*v1.TCPSocketAction", HONOURED, NULL },
	{ "sleep", "*v1.SleepAction", HONOURED, NULL },
};

static const struct field sleep_action[] = {
	{ "seconds", "int64", WRITTEN, NULL },
};

static const struct type rows[] = {
	TYPE("v1.Container", container),
	TYPE("v1.EphemeralContainer", ephemeral_container),
	TYPE("v1.ContainerPort", container_port),
	TYPE("v1.EnvFromSource", env_from_source),
	TYPE("v1.ConfigMapEnvSource", env_reference),
	TYPE("v1.SecretEnvSource", env_reference),
	TYPE("v1.EnvVar", env_var),
	TYPE("v1.EnvVarSource", env_var_source),
	TYPE("v1.ObjectFieldSelector", object_field_selector),
	TYPE("v1.ResourceFieldSelector", resource_field_selector),
	TYPE("v1.ConfigMapKeySelector", key_selector),
	TYPE("v1.SecretKeySelector", key_selector),
	TYPE("v1.FileKeySelector", file_key_selector),
	TYPE("v1.ResourceRequirements", resource_requirements),
	TYPE("v1.ResourceClaim", resource_claim),
	TYPE("v1.ContainerResizePolicy", resize_policy),
	TYPE("v1.ContainerRestartRule", restart_rule),
	TYPE("v1.ContainerRestartRuleOnExitCodes", restart_rule_exit_codes),
	TYPE("v1.VolumeMount", volume_mount),
	TYPE("v1.VolumeDevice", volume_device),
	TYPE("v1.Probe", probe),
	TYPE("v1.ExecAction", exec_action),
	TYPE("v1.HTTPGetAction", http_get_action),
	TYPE("v1.HTTPHeader", http_header),
	TYPE("v1.TCPSocketAction", tcp_socket_action),
	TYPE("v1.GRPCAction", grpc_action),
	TYPE("v1.Lifecycle", lifecycle),
	TYPE("v1.LifecycleHandler", lifecycle_handler),
	TYPE("v1.SleepAction", sleep_action),
};
const struct types container_types = { rows, ARRAY_LEN(rows) };
