package emulate

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Credentials are what a client signs with.
type Credentials struct{ Key, Secret, Token string }

// ec2Delivery is the service that gives an instance the credentials of its
// role.
const ec2Delivery = "ec2.amazonaws.com"

// Instance gives out the credentials that an instance finds at its metadata
// service, and writes the AssumeRole that EC2 makes for it: by a service, with
// the instance's id as the session's name. The moment is the Stage's, which it
// does not move.
func (a *AWS) Instance(ctx context.Context, roleARN, instance string) (Credentials, error) {
	// moto takes any key for its own questions.
	const asking = "AKIAEXAMPLE000000000"
	var c Credentials
	var arn string
	form := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {roleARN}, "RoleSessionName": {instance}}
	err := a.ask(ctx, asking, "sts", form.Encode(), map[string]*string{
		"AccessKeyId": &c.Key, "SecretAccessKey": &c.Secret, "SessionToken": &c.Token, "Arn": &arn,
	})
	if err != nil || c.Key == "" {
		return c, fmt.Errorf("instance %s: no session of %s: %v", instance, roleARN, err)
	}
	account, name := accountOfARN(roleARN), roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	roleID, _, err := a.role(ctx, asking, name)
	if err != nil {
		return c, fmt.Errorf("instance %s: %w", instance, err)
	}
	at := a.Stage.Now()
	id := roleID + ":" + instance
	rec := cloudTrailRecord{
		EventVersion: "1.11", UserIdentity: userIdentity{Type: "AWSService", InvokedBy: ec2Delivery},
		EventTime: at.UTC().Format(recordStamp), EventSource: "sts.amazonaws.com", EventName: "AssumeRole", AWSRegion: "us-east-1",
		SourceIPAddress: ec2Delivery, UserAgent: ec2Delivery,
		RequestParameters: map[string]any{"roleArn": roleARN, "roleSessionName": instance},
		RequestID:         a.Stage.UUID("requestID"), EventID: a.Stage.UUID("eventID"), SharedEventID: a.Stage.UUID("sharedEventID"),
		ReadOnly: true, EventType: "AwsApiCall", ManagementEvent: true, RecipientAccountID: account, EventCategory: "Management",
		Resources: []awsResource{{account, "AWS::IAM::Role", roleARN}},
	}
	rec.ResponseElements = map[string]any{
		"credentials":     credentials(&rec, c.Key, at, 6*3600),
		"assumedRoleUser": map[string]any{"assumedRoleId": id, "arn": arn},
	}
	a.opened(c.Key, userIdentity{
		Type: "AssumedRole", PrincipalID: id, ARN: arn, AccountID: account, AccessKeyID: c.Key,
		SessionContext: &sessionContext{
			SessionIssuer:   &sessionIssuer{"Role", roleID, roleARN, account, name},
			Attributes:      sessionAttributes{at.UTC().Format(time.RFC3339), "false"},
			EC2RoleDelivery: "2.0",
		},
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write(rec)
	return c, nil
}
