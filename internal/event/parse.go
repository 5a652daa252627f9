package event

// ParseCloud is the inverse of [Cloud.String] over the providers.
func ParseCloud(s string) (Cloud, bool) {
	for _, c := range Clouds() {
		if c.String() == s {
			return c, true
		}
	}
	return NoCloud, false
}

// ParseLog is the inverse of [Log.String] over the classes that hold events.
func ParseLog(s string) (Log, bool) {
	for l := range NumLogs {
		if l.Audited() && l.String() == s {
			return l, true
		}
	}
	return NoLog, false
}

// ParseOutcome is the inverse of [Outcome.String].
func ParseOutcome(s string) (Outcome, bool) {
	for o := range NumOutcomes {
		if o.String() == s {
			return o, true
		}
	}
	return 0, false
}

// Cloud names the provider whose log it is; [NoCloud] for a class that holds
// no events.
func (l Log) Cloud() Cloud {
	switch {
	case !l.Audited():
		return NoCloud
	case l <= CloudTrailNetwork:
		return AWS
	case l <= AzureGraph:
		return Azure
	}
	return GCP
}
