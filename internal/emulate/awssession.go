package emulate

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// recordStamp is how CloudTrail writes the time of an event.
const recordStamp = time.RFC3339

// answered fills in what only a call that succeeded has: the answer of a
// write, and the link from a call of STS to the session that it made.
func (a *AWS) answered(ctx context.Context, rec *cloudTrailRecord, c awsCall, who userIdentity, answer []byte, at time.Time) {
	switch {
	case c.service == "sts" && strings.HasPrefix(c.event, "AssumeRole") && c.event != "AssumeRoot":
		a.assumed(ctx, rec, who, answer, at)
	case c.service == "sts" && c.event == "GetSessionToken":
		a.sessionToken(rec, who, answer, at)
	case c.service == "sts" && c.event == "GetFederationToken":
		a.federated(rec, who, answer, at)
	case c.service == "iam" && a.Grants:
		a.grant(ctx, c, who)
	case c.protocol == protoEC2 && !c.readOnly:
		rec.ResponseElements = map[string]any{"requestId": rec.RequestID, "_return": true}
	}
}

// credentials is the answer's part of a record that made a session, which
// lasts for life seconds unless the caller asked for another time. The session
// token belongs to the record too, but has no business in a file that is
// handed around; the secret is in neither.
func credentials(rec *cloudTrailRecord, key string, at time.Time, life int64) map[string]any {
	if d, ok := rec.RequestParameters["durationSeconds"].(int64); ok {
		life = d
	}
	return map[string]any{
		"accessKeyId": key,
		"expiration":  at.Add(time.Duration(life) * time.Second).UTC().Format(recordTime),
	}
}

// opened remembers a session by its key.
func (a *AWS) opened(key string, session userIdentity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions == nil {
		a.sessions = map[string]userIdentity{}
	}
	a.sessions[key] = session
}

func (a *AWS) assumed(ctx context.Context, rec *cloudTrailRecord, who userIdentity, answer []byte, at time.Time) {
	var doc struct{ Key, ID, ARN string }
	if err := decodeDeep(answer, map[string]*string{
		"AccessKeyId": &doc.Key, "AssumedRoleId": &doc.ID, "Arn": &doc.ARN,
	}); err != nil || doc.Key == "" {
		a.fault(fmt.Sprintf("%s: answer without a session: %v", rec.EventName, err))
		return
	}
	roleARN, _ := rec.RequestParameters["roleArn"].(string)
	account := accountOfARN(roleARN)
	roleName := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	// moto answers a web identity with a made-up role id: the role itself is
	// asked, so that all sessions of a role have one issuer.
	roleID, _, err := a.role(ctx, doc.Key, roleName)
	if err != nil {
		a.fault(rec.EventName + ": " + err.Error())
		return
	}
	_, sessionName, _ := strings.Cut(doc.ID, ":")
	doc.ID = roleID + ":" + sessionName
	rec.ResponseElements = map[string]any{
		"credentials":     credentials(rec, doc.Key, at, 3600),
		"assumedRoleUser": map[string]any{"assumedRoleId": doc.ID, "arn": doc.ARN},
	}
	rec.Resources = []awsResource{{account, "AWS::IAM::Role", roleARN}}
	if who.AccountID == "" {
		rec.RecipientAccountID = account
	} else if who.AccountID != account {
		a.crossed(rec, who, account)
	}
	session := userIdentity{
		Type: "AssumedRole", PrincipalID: doc.ID, ARN: doc.ARN, AccountID: account, AccessKeyID: doc.Key,
		SessionContext: &sessionContext{
			SessionIssuer: &sessionIssuer{"Role", roleID, roleARN, account, roleName},
			Attributes:    sessionAttributes{at.UTC().Format(recordStamp), "false"},
		},
	}
	switch who.Type {
	case "WebIdentityUser":
		session.SessionContext.WebIDFederationData = &webIDFederationData{who.IdentityProvider, map[string]string{}}
		audience := strings.TrimPrefix(who.PrincipalID, who.IdentityProvider+":")
		rec.ResponseElements["subjectFromWebIdentityToken"] = who.UserName
		rec.ResponseElements["provider"] = who.IdentityProvider
		rec.ResponseElements["audience"] = strings.TrimSuffix(audience, ":"+who.UserName)
	case "SAMLUser":
		rec.ResponseElements["subject"] = who.UserName
		rec.ResponseElements["issuer"] = who.IdentityProvider
		rec.ResponseElements["nameQualifier"] = strings.TrimSuffix(who.PrincipalID, ":"+who.UserName)
	}
	a.opened(doc.Key, session)
}

// crossed writes the second record of a call from one account into another: the
// trail of the account that was entered names the caller by account and id
// alone (IAM User Guide, "Logging IAM and AWS STS API calls with CloudTrail",
// cross-account AssumeRole). What both share is the sharedEventID.
func (a *AWS) crossed(rec *cloudTrailRecord, who userIdentity, account string) {
	rec.SharedEventID = a.Stage.UUID("sharedEventID")
	other := *rec
	other.UserIdentity = userIdentity{Type: "AWSAccount", PrincipalID: who.PrincipalID, AccountID: who.AccountID}
	other.EventID, other.RecipientAccountID = a.Stage.UUID("eventID"), account
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write(other)
}

// sessionToken links the keys of GetSessionToken to the user who asked: they
// are the same identity with another key, and a beginning.
func (a *AWS) sessionToken(rec *cloudTrailRecord, who userIdentity, answer []byte, at time.Time) {
	var key string
	if err := decodeDeep(answer, map[string]*string{"AccessKeyId": &key}); err != nil || key == "" {
		a.fault(fmt.Sprintf("%s: answer without a session: %v", rec.EventName, err))
		return
	}
	rec.ResponseElements = map[string]any{"credentials": credentials(rec, key, at, 12*3600)}
	mfa := "false"
	if _, ok := rec.RequestParameters["serialNumber"]; ok {
		mfa = "true"
	}
	who.AccessKeyID = key
	who.SessionContext = &sessionContext{Attributes: sessionAttributes{at.UTC().Format(recordStamp), mfa}}
	a.opened(key, who)
}

// federated links the keys of GetFederationToken to the federated user that
// they made, whose issuer is the user who asked.
func (a *AWS) federated(rec *cloudTrailRecord, who userIdentity, answer []byte, at time.Time) {
	var doc struct{ Key, ID, ARN string }
	if err := decodeDeep(answer, map[string]*string{
		"AccessKeyId": &doc.Key, "FederatedUserId": &doc.ID, "Arn": &doc.ARN,
	}); err != nil || doc.Key == "" || doc.ARN == "" {
		a.fault(fmt.Sprintf("%s: answer without a session: %v", rec.EventName, err))
		return
	}
	name, _ := rec.RequestParameters["name"].(string)
	id, arn := who.AccountID+":"+name, "arn:aws:sts::"+who.AccountID+":federated-user/"+name
	rec.ResponseElements = map[string]any{
		"credentials":   credentials(rec, doc.Key, at, 12*3600),
		"federatedUser": map[string]any{"federatedUserId": id, "arn": arn},
	}
	a.opened(doc.Key, userIdentity{
		Type: "FederatedUser", PrincipalID: id, ARN: arn, AccountID: who.AccountID, AccessKeyID: doc.Key,
		SessionContext: &sessionContext{
			SessionIssuer: &sessionIssuer{who.Type, who.PrincipalID, who.ARN, who.AccountID, who.UserName},
			Attributes:    sessionAttributes{at.UTC().Format(recordStamp), "false"},
		},
	})
}
