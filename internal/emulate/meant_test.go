package emulate

// meantInTrails are the known differences between recorded trails and captured
// ones.
var meantInTrails = []meant{
	{"s3.amazonaws.com *", "additionalEventData.x-amz-id-2", "is in all captured records", "S3's second request id: stand-ins have none, and one made up would say nothing"},
	{"s3.amazonaws.com *", "additionalEventData.bytesTransferredOut", "is in all captured records", "the stand-in's answer has another length than S3's"},
	{"s3.amazonaws.com ListObjects", "@*", "is in all captured records", "fields of the pipeline that carried the only captured set"},
	{"ec2.amazonaws.com DescribeInstanceStatus", "requestParameters.*", "is in all captured records", "which sets EC2 writes for this call when none was asked for is not known: the captured calls asked"},
	{"ec2.amazonaws.com DescribeKeyPairs", "requestParameters.keyPairIdSet", "is in all captured records", "the samples were recorded before this was known, and stay as they are"},
	{"cloudtrail.amazonaws.com DescribeTrails", "requestParameters.trailNameList", "is in all captured records", "the service adds the empty list; the client did not send it"},
	{"iam.amazonaws.com ListUsers", "requestParameters.maxItems", "is not in captured records", "an optional parameter that no captured caller gave"},
	{"lambda.amazonaws.com ListFunctions20150331", "requestParameters.maxItems", "is not in captured records", "an optional parameter that no captured caller gave"},
	{"*", "userIdentity.sessionContext.webIdFederationData.*", "is not in captured records", "no captured session was made from a web identity; the field's members are those of the CloudTrail User Guide, \"CloudTrail userIdentity element\""},
	{"sts.amazonaws.com AssumeRoleWithWebIdentity", "userIdentity", "is not in captured records", "no captured call is by a web identity; the form is that of the CloudTrail User Guide's example"},
	{"sts.amazonaws.com AssumeRoleWithWebIdentity", "userIdentity.*", "is not in captured records", "as above"},
	{"sts.amazonaws.com AssumeRoleWithWebIdentity", "userIdentity.principalId", "has the form: ARN", "as above: the provider's ARN, the audience and the subject"},
}
