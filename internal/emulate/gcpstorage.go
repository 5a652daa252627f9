package emulate

import (
	"slices"
	"strings"
)

// bucketAnswer is what Cloud Storage says of one bucket: the bucket itself as
// the list has it, or the names that it holds. It is nil for a call of another
// kind, and for a bucket that the estate does not have.
func (g *GCP) bucketAnswer(row gcpRoute, bucket string) map[string]any {
	found := g.bucket(bucket)
	if found == nil {
		return nil
	}
	switch row.name {
	case "storage.buckets.get":
		return found
	case "storage.objects.list":
		items := []any{}
		for _, name := range g.Estate.Objects[bucket] {
			items = append(items, map[string]any{
				"kind": "storage#object", "id": bucket + "/" + name + "/1", "name": name, "bucket": bucket, "generation": "1", "metageneration": "1",
				"contentType": "application/octet-stream", "storageClass": "STANDARD", "size": "4096",
				"timeCreated": found["timeCreated"], "updated": found["updated"],
			})
		}
		return map[string]any{"kind": "storage#objects", "items": items}
	}
	return nil
}

// bucket finds a bucket of the estate by name, or nil.
func (g *GCP) bucket(name string) map[string]any {
	items, _ := g.Estate.Answers["storage.buckets.list"]["items"].([]any)
	i := slices.IndexFunc(items, func(v any) bool { b, _ := v.(map[string]any); return b["name"] == name })
	if i < 0 || name == "" {
		return nil
	}
	return items[i].(map[string]any)
}

// bucketLocation is where a bucket is, in the letter case of the records;
// nothing of a bucket's is global.
func (g *GCP) bucketLocation(name string) string {
	if location, ok := g.bucket(name)["location"].(string); ok {
		return strings.ToLower(location)
	}
	return "global"
}
