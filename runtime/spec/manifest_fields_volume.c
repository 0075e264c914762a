/* The types of a volume, see manifest_fields.h.  carpel honours emptyDir and hostPath; the others
 * are here so that they, and mistakes inside them, are refused by name.
 */
#include "base/cleanup.h"
#include "spec/manifest_fields.h"

#define TYPE(name, rows)                                                                           \
	{                                                                                          \
		name, rows, ARRAY_LEN(rows)                                                        \
	}

static const struct field volume[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "hostPath", "*v1.HostPathVolumeSource", HONOURED, NULL },
	{ "emptyDir", "*v1.EmptyDirVolumeSource", HONOURED, NULL },
	{ "gcePersistentDisk", "*v1.GCEPersistentDiskVolumeSource", LATER, NULL },
	{ "awsElasticBlockStore", "*v1.AWSElasticBlockStoreVolumeSource", LATER, NULL },
	{ "gitRepo", "*v1.GitRepoVolumeSource", LATER, NULL },
	{ "secret", "*v1.SecretVolumeSource", LATER, NULL },
	{ "nfs", "*v1.NFSVolumeSource", LATER, NULL },
	{ "iscsi", "*v1.ISCSIVolumeSource", LATER, NULL },
	{ "glusterfs", "*v1.GlusterfsVolumeSource", LATER, NULL },
	{ "persistentVolumeClaim", "*v1.PersistentVolumeClaimVolumeSource", LATER, NULL },
	{ "rbd", "*v1.RBDVolumeSource", LATER, NULL },
	{ "flexVolume", "*v1.FlexVolumeSource", LATER, NULL },
	{ "cinder", "*v1.CinderVolumeSource", LATER, NULL },
	{ "cephfs", "*v1.CephFSVolumeSource", LATER, NULL },
	{ "flocker", "*v1.FlockerVolumeSource", LATER, NULL },
	{ "downwardAPI", "*v1.DownwardAPIVolumeSource", LATER, NULL },
	{ "fc", "*v1.FCVolumeSource", LATER, NULL },
	{ "azureFile", "*v1.AzureFileVolumeSource", LATER, NULL },
	{ "configMap", "*v1.ConfigMapVolumeSource", LATER, NULL },
	{ "vsphereVolume", "*v1.VsphereVirtualDiskVolumeSource", LATER, NULL },
	{ "quobyte", "*v1.QuobyteVolumeSource", LATER, NULL },
	{ "azureDisk", "*v1.AzureDiskVolumeSource", LATER, NULL },
	{ "photonPersistentDisk", "*v1.PhotonPersistentDiskVolumeSource", LATER, NULL },
	{ "projected", "*v1.ProjectedVolumeSource", LATER, NULL },
	{ "portworxVolume", "*v1.PortworxVolumeSource", LATER, NULL },
	{ "scaleIO", "*v1.ScaleIOVolumeSource", LATER, NULL },
	{ "storageos", "*v1.StorageOSVolumeSource", LATER, NULL },
	{ "csi", "*v1.CSIVolumeSource", LATER, NULL },
	{ "ephemeral", "*v1.EphemeralVolumeSource", LATER, NULL },
	{ "image", "*v1.ImageVolumeSource", LATER, NULL },
};

static const struct field host_path[] = {
	{ "path", "string", WRITTEN, NULL },
	{ "type", "*v1.HostPathType", HONOURED, NULL },
};

static const struct field empty_dir[] = {
	{ "medium", "v1.StorageMedium", HONOURED, "\"\" \"Memory\"" },
	{ "sizeLimit", "*resource.Quantity", HONOURED, NULL },
	{ "mode", "*int32", LATER, NULL },
};

static const struct field key_to_path[] = {
	{ "key", "string", WRITTEN, NULL },
	{ "path", "string", WRITTEN, NULL },
	{ "mode", "*int32", HONOURED, NULL },
	{ "user", "*int64", HONOURED, NULL },
};

static const struct field secret[] = {
	{ "secretName", "string", HONOURED, NULL },
	{ "items", "[]v1.KeyToPath", HONOURED, NULL },
	{ "defaultMode", "*int32", HONOURED, NULL },
	{ "optional", "*bool", HONOURED, NULL },
	{ "defaultUser", "*int64", HONOURED, NULL },
};

static const struct field config_map[] = {
	{ "name", "string", HONOURED, NULL },
	{ "items", "[]v1.KeyToPath", HONOURED, NULL },
	{ "defaultMode", "*int32", HONOURED, NULL },
	{ "optional", "*bool", HONOURED, NULL },
	{ "defaultUser", "*int64", HONOURED, NULL },
};

static const struct field named_items[] = {
	{ "name", "string", HONOURED, NULL },
	{ "items", "[]v1.KeyToPath", HONOURED, NULL },
	{ "optional", "*bool", HONOURED, NULL },
};

static const struct field downward_api[] = {
	{ "items", "[]v1.DownwardAPIVolumeFile", HONOURED, NULL },
	{ "defaultMode", "*int32", HONOURED, NULL },
	{ "defaultUser", "*int64", HONOURED, NULL },
};

static const struct field downward_api_projection[] = {
	{ "items", "[]v1.DownwardAPIVolumeFile", HONOURED, NULL },
};

static const struct field downward_api_file[] = {
	{ "path", "string", WRITTEN, NULL },
	{ "fieldRef", "*v1.ObjectFieldSelector", HONOURED, NULL },
	{ "resourceFieldRef", "*v1.ResourceFieldSelector", HONOURED, NULL },
	{ "mode", "*int32", HONOURED, NULL },
	{ "user", "*int64", HONOURED, NULL },
};

static const struct field projected[] = {
	{ "sources", "[]v1.VolumeProjection", WRITTEN, NULL },
	{ "defaultMode", "*int32", HONOURED, NULL },
	{ "defaultUser", "*int64", HONOURED, NULL },
};

static const struct field projection[] = {
	{ "secret", "*v1.SecretProjection", HONOURED, NULL },
	{ "downwardAPI", "*v1.DownwardAPIProjection", HONOURED, NULL },
	{ "configMap", "*v1.ConfigMapProjection", HONOURED, NULL },
	{ "serviceAccountToken", "*v1.ServiceAccountTokenProjection", HONOURED, NULL },
	{ "clusterTrustBundle", "*v1.ClusterTrustBundleProjection", HONOURED, NULL },
	{ "podCertificate", "*v1.PodCertificateProjection", HONOURED, NULL },
};

static const struct field token_projection[] = {
	{ "audience", "string", HONOURED, NULL },
	{ "expirationSeconds", "*int64", HONOURED, NULL },
	{ "path", "string", WRITTEN, NULL },
	{ "user", "*int64", HONOURED, NULL },
};

static const struct field trust_bundle_projection[] = {
	{ "name", "*string", HONOURED, NULL },
	{ "signerName", "*string", HONOURED, NULL },
	{ "labelSelector", "*v1.LabelSelector", HONOURED, NULL },
	{ "optional", "*bool", HONOURED, NULL },
	{ "path", "string", WRITTEN, NULL },
	{ "user", "*int64", HONOURED, NULL },
};

static const struct field certificate_projection[] = {
	{ "signerName", "string", HONOURED, NULL },
	{ "keyType", "string", HONOURED, NULL },
	{ "maxExpirationSeconds", "*int32", HONOURED, NULL },
	{ "credentialBundlePath", "string", HONOURED, NULL },
	{ "keyPath", "string", HONOURED, NULL },
	{ "certificateChainPath", "string", HONOURED, NULL },
	{ "userAnnotations", "map[string]string", HONOURED, NULL },
	{ "user", "*int64", HONOURED, NULL },
};

static const struct field claim[] = {
	{ "claimName", "string", WRITTEN, NULL },
	{ "readOnly", "bool", HONOURED, NULL },
};

static const struct field image[] = {
	{ "reference", "string", HONOURED, NULL },
	{ "pullPolicy", "v1.PullPolicy", HONOURED, NULL },
};

static const struct field nfs[] = {
	{ "server", "string", WRITTEN, NULL },
	{ "path", "string", WRITTEN, NULL },
	{ "readOnly", "bool", HONOURED, NULL },
};

static const struct field csi[] = {
	{ "driver", "string", WRITTEN, NULL },
	{ "readOnly", "*bool", HONOURED, NULL },
	{ "fsType", "*string", HONOURED, NULL },
	{ "volumeAttributes", "map[string]string", HONOURED, NULL },
	{ "nodePublishSecretRef", "*v1.LocalObjectReference", HONOURED, NULL },
};

static const struct field git_repo[] = {
	{ "repository", "string", WRITTEN, NULL },
	{ "revision", "string", HONOURED, NULL },
	{ "directory", "string", HONOURED, NULL },
};

static const struct type rows[] = {
	TYPE("v1.Volume", volume),
	TYPE("v1.HostPathVolumeSource", host_path),
	TYPE("v1.EmptyDirVolumeSource", empty_dir),
	TYPE("v1.KeyToPath", key_to_path),
	TYPE("v1.SecretVolumeSource", secret),
	TYPE("v1.ConfigMapVolumeSource", config_map),
	TYPE("v1.SecretProjection", named_items),
	TYPE("v1.ConfigMapProjection", named_items),
	TYPE("v1.DownwardAPIVolumeSource", downward_api),
	TYPE("v1.DownwardAPIProjection", downward_api_projection),
	TYPE("v1.DownwardAPIVolumeFile", downward_api_file),
	TYPE("v1.ProjectedVolumeSource", projected),
	TYPE("v1.VolumeProjection", projection),
	TYPE("v1.ServiceAccountTokenProjection", token_projection),
	TYPE("v1.ClusterTrustBundleProjection", trust_bundle_projection),
	TYPE("v1.PodCertificateProjection", certificate_projection),
	TYPE("v1.PersistentVolumeClaimVolumeSource", claim),
	TYPE("v1.ImageVolumeSource", image),
	TYPE("v1.NFSVolumeSource", nfs),
	TYPE("v1.CSIVolumeSource", csi),
	TYPE("v1.GitRepoVolumeSource", git_repo),
};
const struct types volume_types = { rows, ARRAY_LEN(rows) };
