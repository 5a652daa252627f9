package emulate

import (
	"net/http"
	"regexp"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// cborPath is where a call of the Smithy RPC v2 CBOR protocol goes
// (smithy.io, "Smithy RPC v2 CBOR protocol").
var cborPath = regexp.MustCompile(`^/service/[A-Za-z0-9_.]+/operation/([A-Za-z0-9_]+)$`)

// cborOperation returns the operation of a call of the RPC v2 CBOR protocol.
func cborOperation(r *http.Request) (string, bool) {
	if r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		return "", false
	}
	m := cborPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// cborReader reads maps with names for keys, as JSON has them. What nests
// deeper or is longer than any call's parameters is refused.
var cborReader = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DefaultMapType: nil, MaxNestedLevels: 32, MaxArrayElements: 1 << 16, MaxMapPairs: 1 << 16,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// cborParams reads the parameters of a call as CloudTrail writes them.
func cborParams(body []byte) map[string]any {
	doc := cborDocument(body)
	if doc == nil {
		return nil
	}
	return spelled(doc, lowerFirst).(map[string]any)
}

// cborDocument reads a map of CBOR as JSON would hold it: binary values are
// left out, and times take the form in which CloudTrail writes parameters.
func cborDocument(body []byte) map[string]any {
	var in map[string]any
	if cborReader.Unmarshal(body, &in) != nil {
		return nil
	}
	return jsonLike(in).(map[string]any)
}

func jsonLike(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if _, binary := e.([]byte); binary {
				delete(v, k)
				continue
			}
			v[k] = jsonLike(e)
		}
	case map[any]any:
		out := map[string]any{}
		for k, e := range v {
			if name, ok := k.(string); ok {
				if _, binary := e.([]byte); !binary {
					out[name] = jsonLike(e)
				}
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = jsonLike(v[i])
		}
	case time.Time:
		return v.UTC().Format(recordTime)
	}
	return v
}

// recordTime is how CloudTrail writes a time that is a parameter or an answer.
const recordTime = "Jan 2, 2006, 3:04:05 PM"

// cborError reads code and message of a refusal.
func cborError(answer []byte) (code, message string) {
	doc := cborDocument(answer)
	code, _ = doc["__type"].(string)
	for _, k := range []string{"message", "Message"} {
		if m, ok := doc[k].(string); ok {
			message = m
		}
	}
	return code, message
}

// cborRefusal is the body of a refusal.
func cborRefusal(code, message string) ([]byte, error) {
	return cbor.Marshal(map[string]string{"__type": code, "message": message})
}
