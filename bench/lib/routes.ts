/** A route as it stands in a configuration file. */
export interface IBenchRoute {
  id: string;
  vHost: string;
  backends: { hostname: string; port: number }[];
}

/** Routes `host-0.bench.test`, `host-1.bench.test`, …, all to one backend. */
export function manyRoutes(count: number, backendPort: number): IBenchRoute[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `route-${index}`,
    vHost: `host-${index}.bench.test`,
    backends: [{ hostname: '127.0.0.1', port: backendPort }],
  }));
}
