package event

import "testing"

func TestAsksForAll(t *testing.T) {
	for target, want := range map[string]bool{
		``:                                   true,
		`null`:                               true,
		`{}`:                                 true,
		`{"filterSet":{},"instancesSet":{}}`: true,
		`{"filterSet":{},"maxResults":1000}`: true,
		`{"maxResults": 1000 , "nextToken":"x\"y"}`:                      true,
		`{"ownersSet":{"items":[{"owner":"self"}]},"sharedUsersSet":{}}`: true,
		`{"instancesSet":{"items":[{"instanceId":"i-1"}]}}`:              false,
		`{"filterSet":{"items":[{"name":"vpc-id"}]}}`:                    false,
		`{"bucketName":"b"}`:                  false,
		`{"onlyAttached":true}`:               false,
		`{"dryRun":false}`:                    true,
		`{"x":1}`:                             false,
		`{"a":"unterminated`:                  false,
		`{"maxResults":5,"roleName":"admin"}`: false,
	} {
		if got := AsksForAll(AWS, []byte(target)); got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
	if !AsksForAll(GCP, []byte("projects/p")) {
		t.Error("a request that tells nothing does not ask for all")
	}
}

func FuzzAsksForAll(f *testing.F) {
	f.Add([]byte(`{"filterSet":{},"maxResults":1000}`))
	f.Add([]byte(`{"a":["\\","\""],"b":-1e9}`))
	f.Fuzz(func(t *testing.T, target []byte) { AsksForAll(AWS, target) })
}
