package scratch

import (
	"math"
	"strconv"
	"testing"
)

func TestWhole(t *testing.T) {
	for in, want := range map[string]string{
		"403": "403", "403.0": "403", "403.000": "403", "4.03e2": "403", "4.03E+02": "403", "40300e-2": "403", "403e0": "403",
		"0.403e3": "403", "7.0": "7", "0.0": "0", "0e5": "0", "1.7723664e+12": "1772366400000", "1772366400000.0": "1772366400000",
		"1e18": "1000000000000000000", "007": "007",
		// No whole numbers, and none that anything is compared with.
		"403.5": "403.5", "4.035e2": "4.035e2", "403e-1": "403e-1", "5e-3": "5e-3", "1e19": "1e19", "1e300": "1e300", "-7.0": "-7.0",
		"": "", ".0": ".0", "403.": "403.", "403.0 ": "403.0 ", "1.0.0": "1.0.0", "2024-05-06": "2024-05-06", "4.0e": "4.0e", "4.0e+": "4.0e+",
		"1e2x": "1e2x", "Forbidden": "Forbidden", "Failed.403": "Failed.403", "true": "true",
	} {
		if got := Whole([]byte(in)); string(got) != want {
			t.Errorf("Whole(%q) = %q, want %q", in, got, want)
		}
	}
	var s Space
	for in, want := range map[string]string{`403.0`: "403", `"403.0"`: "403", `"7.\u0030"`: "7", `true`: "true", `null`: "", `[403.0]`: ""} {
		if got := s.Scalar([]byte(in)); string(got) != want {
			t.Errorf("Scalar(%s) = %q, want %q", in, got, want)
		}
	}
	text := []byte("403.0")
	if n := testing.AllocsPerRun(100, func() { Whole(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A whole number in any notation has the digits of the number it equals.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{"403.0", "4.03e2", "12e-1", "1e19", "0.0e0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := string(Whole([]byte(in)))
		if got == in {
			return
		}
		a, errA := strconv.ParseFloat(in, 64)
		b, errB := strconv.ParseFloat(got, 64)
		if errA != nil || errB != nil || a != b || a != math.Trunc(a) || digits([]byte(got)) != len(got) {
			t.Errorf("%q became %q", in, got)
		}
	})
}
