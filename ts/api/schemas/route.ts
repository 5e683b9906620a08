import { z } from 'zod';
import { backendSchema } from '../../config/schema-backend.ts';
import { routeSchema } from '../../config/schema-route.ts';
import { answer, input, pageOf } from './registry.ts';

/** What a route is made from: `TRouteInput`. */
export const routeInputSchema = input('RouteInput', routeSchema);

/** What a backend is made from: `TBackendInput`. */
export const backendInputSchema = input('BackendInput', backendSchema);

/** Changes to a route or a backend (RFC 7396): `null` takes a member away. */
export const mergePatchSchema = input('MergePatch', z.looseObject({}));

/** Where an item comes from: `TOrigin`. */
export const originSchema = z
  .enum(['file', 'api', 'api-over-file'])
  .describe('The file, the API, or the API in place of the file’s');

/** A backend with its live state. */
export const backendViewSchema = answer(
  'Backend',
  z.strictObject({
    ...backendSchema.shape,
    id: z.string().min(1),
    isDead: z.boolean().describe('Out of rotation. Read-only, as the three after it'),
    deadSince: z.int().min(0).optional().describe('Milliseconds since the epoch'),
    failureCount: z.int().min(0).describe('Failures since it last worked'),
    maintenance: z.boolean().describe('Taken out by hand'),
  }),
);

/** A route with the live state of its backends; secrets are masked. */
export const routeViewSchema = answer(
  'Route',
  z.strictObject({
    ...routeSchema.shape,
    backends: z.array(backendViewSchema),
    origin: originSchema,
  }),
);

/** `GET /routes`. */
export const routePageSchema = answer('RoutePage', pageOf(routeViewSchema));

/** `GET /routes/:vHost/backends`. */
export const backendListSchema = answer(
  'BackendList',
  z.strictObject({ items: z.array(backendViewSchema), total: z.int().min(0) }),
);
