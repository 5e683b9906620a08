// Example: Adding a route via the internal manager
import { BalancingStrategy, ProxyManager } from 'dcrouter';

const proxy = new ProxyManager({ port: 80, sslPort: 443 });

// Start the server
proxy.start();

// Add a route dynamically
proxy.router.addRoute({
  id: 'service-a',
  vHost: 'api.myapp.com',
  strategy: BalancingStrategy.ROUND_ROBIN,
  autoHttps: true,
  reqActiveLength: 50,
  reqQueueLength: 100,
  backends: [
    { id: 'node-1', hostname: '10.0.0.1', port: 3000, isDead: false, failureCount: 0 },
    { id: 'node-2', hostname: '10.0.0.2', port: 3000, isDead: false, failureCount: 0 },
  ],
});
