package azure

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// record is the raw values of the members that matter, of whichever shape:
// the activity log's REST shape (eventTimestamp, operationName.value), the
// same in the snake case of the Python SDK, and the shape that diagnostic
// settings export (time, operationName).
type record struct {
	time, operation, category, location      []byte
	resource, id, subscription, group        []byte
	status, subStatus, resultType, signature []byte
	// tableStatus is the status as a row of the AzureActivity table has it,
	// which the conversion of such rows passes on.
	tableStatus                              []byte
	description, statusCode, statusText, uri []byte
	address, http, caller, claims            []byte
	identity, authorization, tenant          []byte
	correlation, operationID, eventData      []byte
	properties, eventName                    []byte
	metric                                   bool
}

// read collects the members of the object at b[0]. It gives up at the first
// key that only another cloud's record or a container has.
func (r *record) read(b []byte) (int, event.Verdict) {
	o := jsonscan.Members(b)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "time", "eventTimestamp", "event_timestamp":
			r.time = val
		case "operationName", "operation_name":
			r.operation = valueOf(val)
		case "category":
			r.category = valueOf(val)
		case "location":
			r.location = val
		case "resourceId", "resource_id":
			r.resource = val
		case "id":
			r.id = val
		case "subscriptionId", "subscription_id":
			r.subscription = val
		case "resourceGroupName", "resource_group_name":
			r.group = val
		case "status":
			r.status = valueOf(val)
		case "subStatus", "sub_status":
			r.subStatus = valueOf(val)
		case "tableStatus":
			r.tableStatus = val
		case "resultType":
			r.resultType = val
		case "resultSignature":
			r.signature = val
		case "resultDescription":
			r.description = val
		case "statusCode":
			r.statusCode = val
		case "statusText":
			r.statusText = val
		case "uri":
			r.uri = val
		case "callerIpAddress":
			r.address = val
		case "httpRequest", "http_request":
			r.http = val
		case "caller":
			r.caller = val
		case "claims":
			r.claims = val
		case "identity":
			r.identity = val
		case "authorization":
			r.authorization = val
		case "tenantId", "tenant_id":
			r.tenant = val
		case "correlationId", "correlation_id":
			r.correlation = val
		case "operationId", "operation_id":
			r.operationID = val
		case "eventDataId", "event_data_id":
			r.eventData = val
		case "eventName", "event_name":
			r.eventName = valueOf(val)
		case "properties":
			r.properties = val
		case "metricName":
			r.metric = true
		case "Records", "records", "value", "tables", "logEvents", "detail", "detail-type", "specversion",
			"eventVersion", "eventSource", "userIdentity", "CloudTrailEvent", "protoPayload", "logName",
			"insertId", "TimeGenerated", "class_uid", "ecs", "data":
			return 0, event.NotMine
		}
	}
	switch o.Err() {
	case nil:
	case jsonscan.ErrTruncated:
		return 0, event.Truncated
	default:
		if r.isRecord() {
			return 0, event.Broken
		}
		return 0, event.NotMine
	}
	if !r.isRecord() {
		return 0, event.NotMine
	}
	return o.End(), event.Decoded
}

// isRecord tells a record of Azure from other objects that name an
// operation or a time.
func (r *record) isRecord() bool {
	place := isPath(r.resource) || isPath(r.id)
	if r.operation == nil {
		// Metrics and the logs of applications come the same way.
		return place && r.time != nil && (r.metric || r.category != nil)
	}
	if place {
		return true
	}
	return r.time != nil && (r.category != nil || r.subscription != nil || r.caller != nil ||
		r.correlation != nil || r.tenant != nil)
}

// isPath reports whether a raw value is a resource id.
func isPath(val []byte) bool {
	return len(val) > 2 && val[0] == '"' && (val[1] == '/' || val[1] == '\\')
}

// valueOf is the "value" of a localisable text, or the text itself.
func valueOf(val []byte) []byte {
	if len(val) > 0 && val[0] == '{' {
		return jsonscan.Get(val, "value")
	}
	return val
}

// class tells the log class from the category; records without one are told
// by their operation and the provider of their resource. operation and
// resource are in lower case.
//
// Of the activity log's categories Administrative and Policy record requests
// to Resource Manager (older exports call the former Write, Delete and
// Action); the others are notices of the platform: Security, ServiceHealth,
// ResourceHealth, Alert, Autoscale, Recommendation ("Azure activity log event
// schema", Azure Monitor documentation).
func class(category, operation, resource []byte) event.Log {
	vault := bytes.Contains(resource, []byte("/providers/microsoft.keyvault/"))
	switch string(category) {
	case "administrative", "policy", "write", "delete", "action":
		return event.AzureActivity
	case "auditevent":
		if vault || len(resource) == 0 {
			return event.AzureKeyVault
		}
	case "storageread", "storagewrite", "storagedelete":
		return event.AzureStorage
	case "microsoftgraphactivitylogs":
		return event.AzureGraph
	case "":
		switch {
		case bytes.IndexByte(operation, '/') >= 0:
			return event.AzureActivity
		case len(operation) == 0:
		case string(operation) == "microsoft graph activity":
			return event.AzureGraph
		case bytes.Contains(resource, []byte("/providers/microsoft.storage/")):
			return event.AzureStorage
		case vault:
			return event.AzureKeyVault
		}
	}
	return event.OtherLog
}

// segmentAfter returns where the segment that follows marker lies in a
// resource id in lower case; from equals to where there is none.
func segmentAfter(id []byte, marker string) (from, to int) {
	i := bytes.Index(id, []byte(marker))
	if i < 0 {
		return 0, 0
	}
	from = i + len(marker)
	if to = bytes.IndexByte(id[from:], '/'); to < 0 {
		return from, len(id)
	}
	return from, from + to
}
