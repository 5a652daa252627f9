package detection

import (
	"embed"
	"path"
	"strings"
)

//go:embed builtin/*.yaml
var builtin embed.FS

// Builtin returns the detections that are part of Vedette, in order of their
// file names. Their File starts with "builtin/".
func Builtin() ([]*Detection, error) {
	files, err := builtin.ReadDir("builtin")
	if err != nil {
		return nil, err
	}
	var list []*Detection
	for _, f := range files {
		if f.Name() == seedFile {
			continue
		}
		name := path.Join("builtin", f.Name())
		data, err := builtin.ReadFile(name)
		if err != nil {
			return nil, err
		}
		d, err := Load(name, data)
		if err != nil {
			return nil, err
		}
		d.Builtin = true
		list = append(list, d)
	}
	return list, nil
}

// Source returns the text of a built-in file by its name, such as
// "t1580.yaml". ok is false where there is none of that name.
func Source(name string) (text []byte, ok bool) {
	if strings.ContainsAny(name, `/\`) {
		return nil, false
	}
	data, err := builtin.ReadFile(path.Join("builtin", name))
	return data, err == nil
}
