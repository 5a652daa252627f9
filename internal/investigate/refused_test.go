package investigate

import (
	"fmt"
	"testing"
)

// TestRefusedOverAPattern: where a refusal names a pattern, the instances that
// were asked about are counted and not the pattern; where the call names none
// of that kind, the pattern is what is known.
func TestRefusedOverAPattern(t *testing.T) {
	deploy := role("deploy", "ci", "ASIANEW")
	denied := func(id int, action, over string, parameters object) object {
		return aws(id, float64(id)/60, deploy, "ec2", action, object{"readOnly": true, "errorCode": "Client.UnauthorizedOperation", "requestParameters": parameters,
			"errorMessage": "You are not authorized to perform this operation. User: x is not authorized to perform: ec2:" + action +
				" on resource: " + over + " because no identity-based policy allows the ec2:" + action + " action"})
	}
	instance := func(i int) object {
		return object{"instancesSet": object{"items": []object{{"instanceId": fmt.Sprintf("i-%017d", i)}}}, "imageId": "ami-1"}
	}
	var records []object
	for i := range 30 {
		over := fmt.Sprintf("arn:aws:ec2:eu-west-%d:111122223333:instance/*", 1+i%2)
		records = append(records, denied(i, "GetPasswordData", over, instance(i)))
	}
	for i := range 3 {
		records = append(records, denied(40+i, "DescribeThing", "*", object{"instanceId": fmt.Sprintf("i-%d", i)}))
	}
	records = append(records,
		denied(50, "RunInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/*", object{"imageId": "ami-1"}),
		denied(51, "RunInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/*", object{"imageId": "ami-2"}),
		denied(60, "StopInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", instance(7)))
	d := run(t, burst(options(t, deployUID, 1, write(t, 1, records...)), 0, 5)).Facts.Denials
	got := map[string]string{}
	for _, r := range d.Rows {
		got[r.Permission] = fmt.Sprint(r.Calls, " calls over ", r.Total, ", first ", r.Resources[0])
	}
	for permission, want := range map[string]string{
		"ec2:GetPasswordData": "30 calls over 30, first i-00000000000000000",
		"ec2:DescribeThing":   "3 calls over 3, first i-0",
		"ec2:RunInstances":    "2 calls over 1, first arn:aws:ec2:eu-west-1:111122223333:instance/*",
		"ec2:StopInstances":   "1 calls over 1, first arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
	} {
		if got[permission] != want {
			t.Errorf("%s: %s, want %s", permission, got[permission], want)
		}
	}
}
