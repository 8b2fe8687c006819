package main

import (
	"runtime"
	"runtime/debug"
)

// versionCommand prints what was built from what.
type versionCommand struct{}

func (versionCommand) Run(w *world) error {
	return w.say("viche %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// version is the module's version as the Go tool stamped it, or the commit.
func version() string {
	info, found := debug.ReadBuildInfo()
	if !found {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "devel"
}
