export declare const ENVIRONMENT: { readonly [name: string]: string };
export declare const FLAGS: readonly string[];
export declare function settle(): void;
