package emulate

import "strings"

// assigned calls f with each role that the estate assigns to a principal: the
// name of the assignment, the name of the role's definition and its properties.
// It stops where f says so.
func (a *Azure) assigned(principal string, f func(assignment, role string, properties map[string]any) (stop bool)) {
	for _, res := range a.Estate.Resources {
		p, _ := res["properties"].(map[string]any)
		if res["type"] != "Microsoft.Authorization/roleAssignments" || p["principalId"] != principal {
			continue
		}
		assignment, _ := res["name"].(string)
		path, _ := p["roleDefinitionId"].(string)
		role := path[strings.LastIndexByte(path, '/')+1:]
		properties, _ := a.resourceNamed("Microsoft.Authorization/roleDefinitions", role)["properties"].(map[string]any)
		if f(assignment, role, properties) {
			return
		}
	}
}

// roleNamed finds a principal's assignment of a role by the role's name, as
// Reader; both results are "" where the estate has none.
func (a *Azure) roleNamed(principal, name string) (assignment, role string) {
	a.assigned(principal, func(as, r string, properties map[string]any) bool {
		if properties["roleName"] != name {
			return false
		}
		assignment, role = as, r
		return true
	})
	return assignment, role
}

// dataRole finds the role assignment of a principal whose role has a data
// action, and the role; both are "" where the estate has none.
func (a *Azure) dataRole(principal, action string) (assignment, role string) {
	a.assigned(principal, func(as, r string, properties map[string]any) bool {
		permissions, _ := properties["permissions"].([]any)
		for _, v := range permissions {
			permission, _ := v.(map[string]any)
			actions, _ := permission["dataActions"].([]any)
			for _, pattern := range actions {
				text, _ := pattern.(string)
				if (Policy{"": {text}}).Allows("", action) {
					assignment, role = as, r
					return true
				}
			}
		}
		return false
	})
	return assignment, role
}

// resourceNamed finds a resource by type and name, or nil.
func (a *Azure) resourceNamed(kind, name string) map[string]any {
	for _, res := range a.Estate.Resources {
		if t, _ := res["type"].(string); strings.EqualFold(t, kind) && res["name"] == name {
			return res
		}
	}
	return nil
}
