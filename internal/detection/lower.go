package detection

import (
	"errors"
	"fmt"
	"slices"

	"vedette/internal/plan"
)

// Lower turns a detection into the plan that engine and backends read. The
// plan shares no memory with the detection. A detection that came from [Load]
// can always be lowered; the error is for one put together in another way.
func Lower(d *Detection, opts Options) (*plan.Plan, error) {
	if len(d.Windows) == 0 {
		return nil, errors.New("detection " + d.ID + " has no window")
	}
	p := &plan.Plan{
		Detection: d.ID, Name: d.Name, Version: d.Version,
		Techniques: slices.Clone(d.Techniques),
		Quiet:      d.Quiet, MaxLength: d.MaxLength, Leftover: d.Leftover,
	}
	for i := range d.Windows {
		w := &d.Windows[i]
		sel := d.selector(w)
		switch {
		case sel == nil:
			return nil, fmt.Errorf("detection %s: window %q selects nothing", d.ID, w.Name)
		case w.Length <= 0:
			return nil, fmt.Errorf("detection %s: window %q has no length", d.ID, w.Name)
		case len(w.Trigger) == 0:
			return nil, fmt.Errorf("detection %s: window %q has no trigger", d.ID, w.Name)
		}
		lowered := plan.Window{
			Name: w.Name, Length: w.Length, Kind: w.Kind,
			Select: plan.Selector{
				Clouds: slices.Clone(sel.Clouds), Logs: slices.Clone(sel.Logs), NotLogs: slices.Clone(sel.NotLogs),
				Classes: slices.Clone(sel.Classes), Techniques: slices.Clone(sel.Techniques),
				Include: slices.Clone(sel.Include), Exclude: slices.Clone(sel.Exclude),
				Outcomes: slices.Clone(sel.Outcomes), Services: sel.Services || opts.Services,
			},
			Trigger: slices.Clone(w.Trigger),
		}
		if opts.Kind != nil {
			lowered.Kind = *opts.Kind
		}
		for _, b := range w.Bands {
			lowered.Bands = append(lowered.Bands, plan.Band{Risk: b.Risk, When: slices.Clone(b.When)})
		}
		p.Windows = append(p.Windows, lowered)
	}
	return p, nil
}
