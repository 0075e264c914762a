/* The text of /etc/hosts, /etc/hostname and /etc/resolv.conf of a pod, as the kubelet writes them.
 * Pure: the node's own files are given as text.
 */
#pragma once

#include "base/buf.h"
#include "spec/pod.h"

void etc_hosts(
	const struct pod_spec *pod, const char *node_hosts, const char *pod_ip, struct buf *out);
void etc_hostname(const char *hostname, struct buf *out);
/* Limits of resolv.conf(5) as Kubernetes has them, but for DNS_LITERAL: 3 nameservers, 32 searches;
 * what is cut is named in *warning (text of a DNSConfigForming event, NULL when nothing was; the
 * caller frees). */
void etc_resolv_conf(
	const struct pod_spec *pod, const char *node_resolv, struct buf *out, char **warning);
