// Command containers checks a Dockerfile and a compose file without a
// container engine: the first with the parser and the linter that
// `docker build --check` runs, the second with the loader and the schema of
// `docker compose config`. Base images are not fetched, so it can't tell
// whether they exist or what is in them.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: containers DOCKERFILE COMPOSEFILE")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	faults := append(checkDockerfile(ctx, os.Args[1]), checkCompose(ctx, os.Args[2])...)
	for _, fault := range faults {
		fmt.Println(fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

// checkDockerfile returns one line for each warning and for the fault that
// stops a build.
func checkDockerfile(ctx context.Context, path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	source := llb.NewSourceMap(nil, path, "Dockerfile", text)
	source.Definition = &llb.Definition{}
	results, err := dockerfile2llb.DockerfileLint(ctx, text, dockerfile2llb.ConvertOpt{
		SourceMap:    source,
		MetaResolver: noImages{},
	})
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	var faults []string
	for _, warning := range results.Warnings {
		line := int32(0)
		if ranges := warning.Location.GetRanges(); len(ranges) > 0 {
			line = ranges[0].GetStart().GetLine()
		}
		faults = append(faults, fmt.Sprintf("%s:%d: %s: %s", path, line, warning.RuleName, warning.Detail))
	}
	if results.Error != nil {
		faults = append(faults, fmt.Sprintf("%s: %s", path, results.Error.Message))
	}
	return faults
}

// noImages answers for every base image with an empty configuration, since
// no registry can be asked.
type noImages struct{}

func (noImages) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := []byte(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers"}}`)
	return ref, digest.FromBytes(config), config, nil
}

// checkCompose loads the file strictly: unknown keys, unset required
// variables, dangling references and cycles are faults.
func checkCompose(ctx context.Context, path string) []string {
	details := types.ConfigDetails{
		WorkingDir:  ".",
		ConfigFiles: []types.ConfigFile{{Filename: path}},
		// The two settings that the file requires its operator to give.
		Environment: types.Mapping{"VICHE_HOST": "viche.example", "VICHE_TERRITORY": "UA00000000000000000"},
	}
	project, err := loader.LoadWithContext(ctx, details)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	var faults []string
	for name, service := range project.Services {
		if service.HealthCheck == nil {
			faults = append(faults, fmt.Sprintf("%s: service %s has no health check", path, name))
		}
	}
	return faults
}
