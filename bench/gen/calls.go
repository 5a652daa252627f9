package main

import (
	"fmt"
	"strings"
)

// call is one API with the form of its parameters.
type call struct {
	source, name string
	read         bool
	weight       int // of all calls
	params       form
}

// form is how a call's parameters look.
type form byte

const (
	none     form = iota // null
	short                // one name
	filter               // filters and a page size
	ids                  // a list of ids
	launch               // a large request and response
	object               // a bucket and a key
	quoted               // parameters and response that quote other records
	template             // a text that holds escaped JSON
)

func (a *call) denied() string {
	if a.source == "ec2.amazonaws.com" {
		return "Client.UnauthorizedOperation"
	}
	return "AccessDenied"
}

// calls is the mix. About a quarter of it is what the seed profile counts.
var calls = parse(`
ec2.amazonaws.com DescribeInstances r 60 filter
ec2.amazonaws.com DescribeVolumes r 30 filter
ec2.amazonaws.com DescribeSnapshots r 14 filter
ec2.amazonaws.com DescribeImages r 14 ids
ec2.amazonaws.com DescribeSecurityGroups r 28 ids
ec2.amazonaws.com DescribeVpcs r 14 filter
ec2.amazonaws.com DescribeSubnets r 20 filter
ec2.amazonaws.com DescribeNetworkInterfaces r 24 ids
ec2.amazonaws.com DescribeRouteTables r 8 filter
ec2.amazonaws.com DescribeInternetGateways r 5 filter
ec2.amazonaws.com DescribeKeyPairs r 4 none
ec2.amazonaws.com DescribeInstanceStatus r 30 ids
ec2.amazonaws.com DescribeTags r 25 filter
ec2.amazonaws.com DescribeRegions r 10 none
ec2.amazonaws.com DescribeAddresses r 8 filter
ec2.amazonaws.com DescribeInstanceAttribute r 8 short
ec2.amazonaws.com RunInstances w 18 launch
ec2.amazonaws.com TerminateInstances w 12 ids
ec2.amazonaws.com CreateTags w 20 ids
ec2.amazonaws.com AttachVolume w 6 short
ec2.amazonaws.com CreateNetworkInterface w 14 launch
ec2.amazonaws.com DeleteNetworkInterface w 12 short
s3.amazonaws.com ListBuckets r 14 none
s3.amazonaws.com GetBucketAcl r 14 short
s3.amazonaws.com GetBucketPolicy r 6 short
s3.amazonaws.com GetBucketLocation r 12 short
s3.amazonaws.com PutObject w 45 object
s3.amazonaws.com GetObject r 70 object
iam.amazonaws.com ListRoles r 6 none
iam.amazonaws.com ListUsers r 4 none
iam.amazonaws.com GetRole r 14 short
iam.amazonaws.com GetPolicyVersion r 8 short
iam.amazonaws.com ListAttachedRolePolicies r 8 short
sts.amazonaws.com GetCallerIdentity r 24 none
sts.amazonaws.com AssumeRole r 90 launch
kms.amazonaws.com Decrypt r 120 object
kms.amazonaws.com GenerateDataKey r 50 object
kms.amazonaws.com DescribeKey r 10 short
lambda.amazonaws.com ListFunctions20150331 r 6 none
lambda.amazonaws.com GetFunctionConfiguration20150331v2 r 12 short
lambda.amazonaws.com UpdateFunctionCode20150331v2 w 4 launch
rds.amazonaws.com DescribeDBInstances r 14 filter
rds.amazonaws.com DescribeDBClusters r 6 filter
rds.amazonaws.com DescribeDBSnapshots r 4 filter
ecs.amazonaws.com DescribeTasks r 16 ids
ecs.amazonaws.com DescribeClusters r 6 ids
ecs.amazonaws.com RegisterTaskDefinition w 4 launch
eks.amazonaws.com ListNodegroups r 4 short
dynamodb.amazonaws.com DescribeTable r 20 short
dynamodb.amazonaws.com ListTables r 4 none
elasticloadbalancing.amazonaws.com DescribeLoadBalancers r 14 ids
elasticloadbalancing.amazonaws.com DescribeTargetHealth r 24 short
autoscaling.amazonaws.com DescribeAutoScalingGroups r 16 filter
logs.amazonaws.com CreateLogStream w 40 short
logs.amazonaws.com DescribeLogGroups r 8 filter
monitoring.amazonaws.com DescribeAlarms r 10 filter
ssm.amazonaws.com UpdateInstanceInformation w 50 short
ssm.amazonaws.com GetParameter r 14 short
secretsmanager.amazonaws.com GetSecretValue r 20 short
sqs.amazonaws.com GetQueueAttributes r 12 short
sns.amazonaws.com Publish w 6 object
ecr.amazonaws.com BatchGetImage r 10 launch
cloudtrail.amazonaws.com LookupEvents r 4 quoted
cloudformation.amazonaws.com CreateStack w 3 template
`)

var (
	totalWeight = weigh(calls)
	discovery   = listing(calls)
)

func parse(table string) (cs []call) {
	forms := map[string]form{"none": none, "short": short, "filter": filter, "ids": ids, "launch": launch, "object": object, "quoted": quoted, "template": template}
	for line := range strings.Lines(strings.TrimSpace(table)) {
		var c call
		var rw, params string
		if _, err := fmt.Sscan(line, &c.source, &c.name, &rw, &c.weight, &params); err != nil {
			panic(fmt.Sprintf("table of calls: %q: %v", line, err))
		}
		c.read, c.params = rw == "r", forms[params]
		cs = append(cs, c)
	}
	return cs
}

func weigh(cs []call) (n int) {
	for _, c := range cs {
		n += c.weight
	}
	return n
}

// listing returns the EC2 reads, which every catalogue of discovery has.
func listing(cs []call) (ds []*call) {
	for i, c := range cs {
		if c.source == "ec2.amazonaws.com" && c.read {
			ds = append(ds, &cs[i])
		}
	}
	return ds
}

func (a *call) request(b []byte, w *writer) []byte {
	n := w.rng.IntN(500)
	switch a.params {
	case none:
		return append(b, "null"...)
	case short:
		return fmt.Appendf(b, `{"resourceName":"production-service-%03d","resourceId":"arn:aws:service:%s:%s:thing/production-service-%03d"}`,
			n, w.region, accountID(w.account), n)
	case filter:
		return fmt.Appendf(b, `{"maxResults":%d,"filterSet":{"items":[{"name":"tag:Environment","valueSet":{"items":[{"value":"production"}]}},`+
			`{"name":"instance-state-name","valueSet":{"items":[{"value":"running"},{"value":"pending"}]}},`+
			`{"name":"tag:Service","valueSet":{"items":[{"value":"production-service-%03d"}]}}]},"instancesSet":{}}`, 100+100*(n%10), n)
	case ids:
		b = append(b, `{"resourcesSet":{"items":[`...)
		for i := range 1 + n%6 {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"resourceId":"`...)
			b = w.hexID(b, "i")
			b = append(b, `"}`...)
		}
		return append(b, `]},"filterSet":{},"includeAllInstances":false}`...)
	case launch:
		b = append(b, `{"instancesSet":{"items":[{"imageId":"`...)
		b = w.hexID(b, "ami")
		b = append(b, `","minCount":1,"maxCount":1}]},"instanceType":"m6i.large","blockDeviceMapping":{"items":[{"deviceName":"/dev/xvda","ebs":{"volumeSize":80,"deleteOnTermination":true,"volumeType":"gp3","encrypted":true}}]},`+
			`"monitoring":{"enabled":false},"disableApiTermination":false,"networkInterfaceSet":{"items":[{"deviceIndex":0,"subnetId":"`...)
		b = w.hexID(b, "subnet")
		b = append(b, `","associatePublicIpAddress":false,"groupSet":{"items":[{"groupId":"`...)
		b = w.hexID(b, "sg")
		return fmt.Appendf(b, `"}]}}]},"tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"Name","value":"production-service-%03d"},`+
			`{"key":"Environment","value":"production"},{"key":"CostCenter","value":"%04d"}]}]},"userData":"<sensitiveDataRemoved>"}`, n, 1000+n)
	case object:
		b = fmt.Appendf(b, `{"bucketName":"company-data-%03d","key":"warehouse/table-%03d/part-%05d-of-00500.parquet",`, n%80, n, w.rng.IntN(500))
		return append(b, `"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::company-data"},"x-amz-storage-class":"INTELLIGENT_TIERING","x-amz-acl":"bucket-owner-full-control"}`...)
	case quoted:
		return fmt.Appendf(b, `{"lookupAttributes":[{"attributeKey":"EventName","attributeValue":"ListBuckets"}],"maxResults":50,`+
			`"last":{"eventSource":"s3.amazonaws.com","eventName":"ListBuckets","eventTime":"2020-01-01T00:00:00Z","eventID":"00000000-0000-4000-8000-%012d",`+
			`"userIdentity":{"arn":"arn:aws:iam::999999999999:user/quoted"}}}`, n)
	case template:
		return fmt.Appendf(b, `{"stackName":"stack-%03d","templateBody":"{\"Resources\":{\"Rule\":{\"Type\":\"AWS::Events::Rule\",\"Properties\":{\"EventPattern\":{\"detail\":`+
			`{\"eventSource\":[\"ec2.amazonaws.com\"],\"eventName\":\"DescribeInstances\",\"text\":\"a \\\"quoted\\\" word }] and a tail\\\\\"}}}}}}","capabilities":["CAPABILITY_IAM"]}`, n)
	}
	panic("unknown form")
}

func (a *call) response(b []byte, w *writer) []byte {
	switch a.params {
	case launch:
		b = append(b, `{"requestId":"`...)
		b = w.uuid(b)
		b = append(b, `","reservationId":"`...)
		b = w.hexID(b, "r")
		b = append(b, `","instancesSet":{"items":[{"instanceId":"`...)
		b = w.hexID(b, "i")
		return append(b, `","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-0-0-10.internal","amiLaunchIndex":0,"productCodes":{},"instanceType":"m6i.large",`+
			`"placement":{"availabilityZone":"us-east-1a","tenancy":"default"},"monitoring":{"state":"disabled"},"architecture":"x86_64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda",`+
			`"hypervisor":"xen","ebsOptimized":true,"enaSupport":true,"sourceDestCheck":true,"metadataOptions":{"state":"pending","httpTokens":"required"}}]}}`...)
	case template:
		return append(b, `{"stackId":"arn:aws:cloudformation:us-east-1:111122220000:stack/stack/0"}`...)
	}
	return append(b, "null"...)
}
