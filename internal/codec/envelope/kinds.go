package envelope

import (
	"bytes"
	"strings"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// recognisers are tried in order; the first that knows the object opens it.
// Text that holds a record may stand there as the object that it holds: so it
// comes out of the JSON columns of a table, and from shippers that parse it.
var recognisers = []func(*opening) bool{
	(*opening).eventBridge,
	(*opening).lookupEvents,
	(*opening).cloudWatch,
	(*opening).kinesis,
	(*opening).notification,
	(*opening).queue,
	(*opening).splunk,
	(*opening).logAnalytics,
	(*opening).pubSub,
	(*opening).cloudEvent,
	(*opening).harness,
	(*opening).elastic,
	(*opening).wrapped,
	(*opening).container,
	(*opening).messageText,
}

// eventBridge: {"detail-type", "source", "detail"}. CloudTrail's events end
// in "via CloudTrail"; older captures lack the detail-type, and there the
// detail speaks for itself.
func (o *opening) eventBridge() bool {
	m := o.m
	if !m.object(kDetail) || !m.has(kDetailType) && !m.has(kSource) {
		return false
	}
	kind := string(jsonscan.Text(m[kDetailType]))
	switch {
	case strings.HasSuffix(kind, "via CloudTrail"), isCloudTrail(m[kDetail]):
		o.res.Kind = "eventbridge"
		o.raw(m[kDetail])
	case string(jsonscan.Text(m[kSource])) == "aws.s3" && strings.HasPrefix(kind, "Object "):
		o.res.Kind = "eventbridge"
		o.skip(event.ObjectNotification)
	default:
		o.res.Kind = "eventbridge"
		o.skip(event.OtherLog)
	}
	return true
}

// isCloudTrail reports whether an object has the members that every
// CloudTrail record has.
func isCloudTrail(obj []byte) bool {
	if len(obj) == 0 || obj[0] != '{' {
		return false
	}
	n := 0
	w := jsonscan.Members(obj)
	for {
		name, _, ok := w.Next()
		if !ok {
			return n >= 3
		}
		switch string(name) {
		case "eventVersion", "eventName", "eventSource", "eventID", "eventTime":
			n++
		}
	}
}

// lookupEvents: an item of `aws cloudtrail lookup-events` or of an SDK's
// LookupEvents: the record is the string CloudTrailEvent.
func (o *opening) lookupEvents() bool {
	if !o.m.has(kCloudTrailEvent) {
		return false
	}
	o.res.Kind = "lookup-events"
	o.text(o.m[kCloudTrailEvent])
	return true
}

// cloudWatch: the subscription message, whole or in Lambda's awslogs.data,
// and the single log event that it or filter-log-events holds.
func (o *opening) cloudWatch() bool {
	m := o.m
	switch {
	case m.object(kAwslogs):
		o.res.Kind = "cloudwatch-lambda"
		o.packed(jsonscan.Get(m[kAwslogs], "data"))
	case m.has(kMessageType) && m.has(kLogEvents):
		o.res.Kind = "cloudwatch-subscription"
		if string(jsonscan.Text(m[kMessageType])) == "CONTROL_MESSAGE" {
			o.skip(event.ControlMessage)
			return true
		}
		o.each(m[kLogEvents], o.raw)
	case m.array(kLogEvents):
		o.res.Kind = "cloudwatch-subscription"
		o.each(m[kLogEvents], o.raw)
	case (jsonscan.IsString(m[kMessage]) || m.object(kMessage)) && m.has(kTimestamp) &&
		(m.has(kID) || m.has(kEventID) || m.has(kIngestionTime) || m.has(kLogStreamName)):
		o.res.Kind = "cloudwatch-event"
		o.text(m[kMessage])
	default:
		return false
	}
	return true
}

// kinesis: Kinesis records as Lambda gets them and as get-records prints
// them, and Firehose transformation records; data is base64, often of gzip.
func (o *opening) kinesis() bool {
	m := o.m
	switch {
	case m.object(kKinesis):
		o.res.Kind = "kinesis"
		o.packed(jsonscan.Get(m[kKinesis], "data"))
	case m.has(kCapData) && (m.has(kSequenceNumber) || m.has(kPartitionKey)):
		o.res.Kind = "kinesis"
		o.packed(m[kCapData])
	case m.has(kData) && m.has(kRecordID):
		o.res.Kind = "firehose"
		o.packed(m[kData])
	default:
		return false
	}
	return true
}

// notification: S3's notice of an object, CloudTrail's own of a log file,
// and SNS messages around either or around an event.
func (o *opening) notification() bool {
	m := o.m
	switch {
	case m.object(kS3), m.has(kS3Bucket) && m.has(kS3ObjectKey),
		string(jsonscan.Text(m[kCapEvent])) == "s3:TestEvent":
		o.res.Kind = "s3-notification"
		o.skip(event.ObjectNotification)
	case m.object(kSns):
		o.res.Kind = "sns"
		o.text(jsonscan.Get(m[kSns], "Message"))
	case m.has(kCapMessage) && m.has(kTopicArn):
		o.res.Kind = "sns"
		o.text(m[kCapMessage])
	default:
		return false
	}
	return true
}

// queue: an SQS message as the API and as Lambda write it.
func (o *opening) queue() bool {
	m := o.m
	if !m.has(kMessageID) && !m.has(kReceiptHandle) {
		return false
	}
	switch {
	case m.has(kCapBody):
		o.res.Kind = "sqs"
		o.text(m[kCapBody])
	case m.has(kBody):
		o.res.Kind = "sqs"
		o.text(m[kBody])
	default:
		return false
	}
	return true
}

// splunk: a line of a JSON export, a page of a search's results, an event of
// the HTTP event collector. Where a search kept no _raw its fields are
// emitted as an object.
func (o *opening) splunk() bool {
	m := o.m
	exported := m.has(kPreview) || m.has(kOffset) || m.has(kLastRow)
	switch {
	case m.holdsJSON(kRaw) || m.object(kRaw):
		o.res.Kind = "splunk"
		o.text(m[kRaw])
	case m.object(kResult) && exported:
		o.res.Kind = "splunk"
		o.raw(m[kResult])
	case m.array(kResults) && exported:
		o.res.Kind = "splunk"
		o.each(m[kResults], o.raw)
	case m.has(kEvent) && jsonscan.IsString(m[kSourcetype]) && !m.has(kAtTimestamp) && (m.object(kEvent) || m.holdsJSON(kEvent)):
		o.res.Kind = "splunk-hec"
		o.text(m[kEvent])
	default:
		return false
	}
	return true
}

// logAnalytics: a reply of the query API, {"tables":[{"columns":[{"name"}],
// "rows":[[...]]}]}. Each row becomes an object keyed by column name.
func (o *opening) logAnalytics() bool {
	if !o.m.array(kTables) {
		return false
	}
	known := false
	o.each(o.m[kTables], func(table []byte) {
		columns, rows := jsonscan.Get(table, "columns"), jsonscan.Get(table, "rows")
		if len(columns) == 0 || columns[0] != '[' || len(rows) == 0 || rows[0] != '[' {
			return
		}
		known = true
		var names [][]byte // with their quotes
		o.each(columns, func(c []byte) {
			name := jsonscan.Get(c, "name")
			if name == nil {
				name = jsonscan.Get(c, "ColumnName")
			}
			if !jsonscan.IsString(name) || len(name) > maxColumnName {
				name = []byte(`""`)
			}
			if len(names) < maxColumns {
				names = append(names, name)
			}
		})
		o.each(rows, func(row []byte) { o.row(names, row) })
	})
	if known {
		o.res.Kind = "log-analytics"
	}
	return known
}

// Every row repeats the columns' names, so their length and number are bounded
// lest a small reply become a large one.
const (
	maxColumnName = 256
	maxColumns    = 4096
)

func (o *opening) row(names [][]byte, row []byte) {
	if len(row) == 0 || row[0] != '[' {
		o.res.Lost++
		return
	}
	obj := make([]byte, 0, 2*len(row))
	obj = append(obj, '{')
	i := 0
	a := jsonscan.Elements(row)
	for ; i < len(names); i++ {
		val, ok := a.Next()
		if !ok {
			break
		}
		if i > 0 {
			obj = append(obj, ',')
		}
		obj = append(obj, names[i]...)
		obj = append(obj, ':')
		obj = append(obj, val...)
	}
	o.raw(append(obj, '}'))
}

// pubSub: a push request, an element of a pull reply, a bare message, and
// what the Splunk add-on for Google Cloud makes of one. Data is base64 of a
// LogEntry, or the LogEntry itself where a tool has decoded it.
func (o *opening) pubSub() bool {
	m := o.m
	switch {
	case m.object(kMessage) && (m.has(kSubscription) || m.has(kAckID)):
		o.res.Kind = "pubsub"
		o.packed(jsonscan.Get(m[kMessage], "data"))
	case m.has(kData) && !m.has(kSpecVersion) &&
		(m.has(kPublishTime) || m.has(kMessageID) || m.object(kAttributes)):
		o.res.Kind = "pubsub"
		o.packed(m[kData])
	default:
		return false
	}
	return true
}

// cloudEvent: a CloudEvent in structured mode. Event Grid's resource events
// in this form keep their time outside the data and are a shape of their own.
func (o *opening) cloudEvent() bool {
	m := o.m
	if !m.has(kSpecVersion) || bytes.HasPrefix(jsonscan.Text(m[kType]), []byte("Microsoft.Resources.")) {
		return false
	}
	switch {
	case m.has(kDataBase64):
		o.packed(m[kDataBase64])
	case m.has(kData):
		o.text(m[kData])
	default:
		return false
	}
	o.res.Kind = "cloudevent"
	return true
}

// harness: test cases of log pipelines, with the record in input.message, or
// a list of expected documents.
func (o *opening) harness() bool {
	m := o.m
	switch {
	case m.object(kInput) && textHoldsJSON(jsonscan.Get(m[kInput], "message")):
		o.text(jsonscan.Get(m[kInput], "message"))
	case m.array(kExpected):
		o.each(m[kExpected], o.raw)
	default:
		return false
	}
	o.res.Kind = "test-harness"
	return true
}

// elastic: search replies and hits of Elasticsearch and OpenSearch, and
// documents that kept the record they were made from.
func (o *opening) elastic() bool {
	m := o.m
	original := m[kEventOriginal]
	if m.object(kEvent) {
		original = jsonscan.Get(m[kEvent], "original")
	}
	switch {
	case textHoldsJSON(original), len(original) > 0 && original[0] == '{':
		o.res.Kind = "ecs-original"
		o.text(original)
	case m.object(kESSource):
		o.res.Kind = "elasticsearch-hit"
		o.raw(m[kESSource])
	case m.object(kHits):
		hits := jsonscan.Get(m[kHits], "hits")
		if len(hits) == 0 || hits[0] != '[' {
			return false
		}
		o.res.Kind = "elasticsearch-search"
		o.each(hits, o.raw)
	default:
		return false
	}
	return true
}

// wrapped: records kept whole under one member: aws.cloudtrail (OpenSearch's
// schema, exports of broken arrays), a LogEntry's jsonPayload, CloudTrail
// Lake's eventData, OCSF's raw_data, the body of an event-hub message.
func (o *opening) wrapped() bool {
	m := o.m
	if m.object(kAWS) {
		if ct := jsonscan.Get(m[kAWS], "cloudtrail"); isCloudTrail(ct) {
			o.res.Kind = "aws.cloudtrail"
			o.raw(ct)
			return true
		}
	}
	switch {
	case isCloudTrail(m[kJSONPayload]):
		o.res.Kind = "logentry-cloudtrail"
		o.raw(m[kJSONPayload])
	case isCloudTrail(m[kEventData]):
		o.res.Kind = "cloudtrail-lake"
		o.raw(m[kEventData])
	case m.holdsJSON(kEventData) && isCloudTrail(bytes.TrimSpace(jsonscan.Text(m[kEventData]))):
		o.res.Kind = "cloudtrail-lake"
		o.text(m[kEventData])
	case m.object(kBody) && (jsonscan.Get(m[kBody], "operationName") != nil || jsonscan.Get(m[kBody], "records") != nil):
		o.res.Kind = "eventhub-body"
		o.raw(m[kBody])
	case m.has(kClassUID) && (m.holdsJSON(kRawData) || m.object(kRawData)):
		o.res.Kind = "ocsf-raw"
		o.text(m[kRawData])
	default:
		return false
	}
	return true
}

// container: an object that holds records under one of the keys that
// services use, met inside a string or with the array far from its start.
func (o *opening) container() bool {
	if !o.m.array(kList) {
		return false
	}
	o.res.Kind = "container"
	o.each(o.m[kList], o.raw)
	return true
}

// messageText: any shipper's line whose message is a JSON record.
func (o *opening) messageText() bool {
	if !o.m.holdsJSON(kMessage) && !o.m.object(kMessage) {
		return false
	}
	o.res.Kind = "message"
	o.text(o.m[kMessage])
	return true
}
